"""The checks of notebook 4's exercises, part 1: tried on what the student has not seen."""

from __future__ import annotations

import math

import numpy as np

from course_utils.exercises import feedback
from course_utils.exercises.feedback import Hint, expect, name_mistake, near


@feedback.check
def check_gigabytes(answer):
    """``answer(n, dimensions, bits)``: n · dimensions · bits / 8 bytes, in billions."""
    n, d, bits = 3_700_001, 70, 16
    got, right = feedback.call(answer, n, d, bits), n * d * bits / 8 / 1e9
    if not near(got, right, 1e-9):
        mistakes = {
            "a byte has 8 bits: divide.": 8 * right,
            "that is one number a vector; each has `dimensions` of them.": right / d,
            "that counts numbers, not their bytes: bits / 8 bytes each.": n * d / 1e9,
            "four bytes a number is only right for 32 bits: use `bits`.": n * d * 4 / 1e9,
            "those are bytes; a GB is a billion of them.": right * 1e9,
            "those are MB, millions; a GB is a billion bytes.": right * 1e3,
            "those are KB, thousands; a GB is a billion bytes.": right * 1e6,
            "those are GiB, 2 to the power of 30; a GB is a billion bytes.": right * 1e9 / 2**30,
            "you multiplied by 8: a byte has 8 bits, divide.": right * 64,
        }
        cut = [right // 1, *(round(right, digits) for digits in range(5))]
        rounded = any(near(got, value, 1e-9) for value in cut)
        expect(not rounded, "do not round: give the number as it is, with / and without round.")
        rest = "number of vectors × numbers in each × bytes a number, in billions."
        name_mistake(got, mistakes, rest, 1e-9)
    default = near(feedback.call(answer, n, d), 2 * right)
    expect(default, "without `bits` they are 32: keep the default.")
    return "and no trick of search changes it: only fewer vectors, fewer numbers or fewer bits do."


@feedback.check
def check_cheapest_threshold(answer):
    """``answer(scores, right, price)``: a t of the least price · wrong shown + right not shown."""
    rng = np.random.default_rng(11)
    scores = rng.permutation(np.linspace(0.11, 0.95, 40))
    right = rng.random(40) < scores
    for truth, price in ((right, 3), (right, 0.5), (np.zeros(40, dtype=bool), 2)):
        got = feedback.numbers(feedback.call(answer, scores, truth, price), "a threshold")
        expect(got.size == 1, f"one threshold is needed, not {got.size} numbers.")
        _check_cheapest(float(got.item()), scores, truth, price)
    return "the more a wrong suggestion costs, the higher the threshold: a choice, not a fact."


def _cost(t, scores, right, wrong, missed=1, refused=0, above=False):
    """What showing the scores of at least ``t`` costs; ``above``: only those above it."""
    shown = scores > t if above else scores >= t
    wrong_shown, right_missed = (shown & ~right).sum(), (~shown & right).sum()
    return wrong * wrong_shown + missed * right_missed + refused * (~shown & ~right).sum()


# {hint: the costs whose least this slip finds}, for a price.
SLIPS_OF_COST = {
    "those are the most expensive mistakes, not the cheapest.": lambda price: {
        "wrong": -price,
        "missed": -1,
    },
    "the price has no effect.": lambda price: {"wrong": 1},
    "exchanged: the price is that of a wrong one shown.": lambda price: {
        "wrong": 1,
        "missed": price,
    },
    "a wrong one that is not shown is no mistake, and costs nothing.": lambda price: {"refused": 1},
    "shown is what has *at least* t: use >=, not >.": lambda price: {"above": True},
    "a right one that is not shown costs 1.": lambda price: {"missed": 0},
    "a wrong one that is shown costs `price`.": lambda price: {"wrong": 0},
}


def _check_cheapest(got: float, scores, right, price: float) -> None:
    """Hint unless the mistakes at ``got`` cost as little as at the best threshold."""
    tries = [*scores, math.inf]

    def costs(**slip):
        return [_cost(t, scores, right, **{"wrong": price} | slip) for t in tries]

    mine, least = _cost(got, scores, right, price), min(costs())
    if near(mine, least):
        return
    expect(not near(got, least), "that is what the mistakes cost; the threshold is needed.")
    place = int(got) if got in range(len(scores)) else None
    position = place is not None and near(costs()[place], least)
    expect(not position, "that is a position; the score at this position is the threshold.")
    expect(costs()[-1] > least, "showing nothing costs least here: `math.inf` is worth a try.")
    for hint, slip in SLIPS_OF_COST.items():
        with_slip = costs(**slip(price))
        found = got in tries and with_slip[tries.index(got)] == min(with_slip)
        expect(not found, hint)
    raise Hint(f"at yours the mistakes cost {mine:g}, at the best threshold {least:g}.")


@feedback.check
def check_chunks(answer):
    """``answer(words, size, overlap)``: overlapping pieces of the words, as strings."""
    words = "one two three four five six seven eight nine ten eleven".split()
    for n, size, overlap in ((11, 5, 2), (11, 4, 1), (2, 5, 2), (2, 5, 3), (10, 4, 0)):
        got = feedback.call(answer, words[:n], size, overlap)
        one = "one string: give a list, with a string for each piece."
        expect(not isinstance(got, str), one)
        expect(not hasattr(got, "__next__"), "that is a generator: make a list of it, list(…).")
        expect(isinstance(got, list | tuple), f"give a list of strings, not {type(got).__name__}.")
        lists = any(isinstance(piece, list | tuple) for piece in got)
        expect(not lists, 'your pieces are lists of words: " ".join(…) makes a string of each.')
        _check_pieces(list(got), words[:n], size, overlap)
    return "no sentence is lost at a border: it is whole in one of the two pieces."


def _check_pieces(got: list, words: list[str], size: int, overlap: int) -> None:
    """Hint unless ``got`` are the chunks of ``words``."""
    starts = range(0, max(1, len(words) - overlap), size - overlap)
    right = [" ".join(words[start : start + size]) for start in starts]
    called = f"{len(words)} words, size {size}, overlap {overlap}: "
    expect(got != [], f"{called}you give no piece; a text shorter than `size` is one piece.")
    for hint, pieces in _slips_of_chunks(words, size, overlap).items():
        expect(got == right or got != pieces, hint)
    for place, (mine, wanted) in enumerate(zip(got, right, strict=False), start=1):
        expect(mine == wanted, f"{called}piece {place} is “{wanted}”, yours is “{mine}”.")
    expect(got == right, f"{called}{len(right)} pieces are needed, you give {len(got)}.")


def _slips_of_chunks(words: list[str], size: int, overlap: int) -> dict:
    """``{hint: the pieces that this slip gives}``."""
    n, step = len(words), size - overlap

    def pieces(starts, length=size, glue=" ", of=words):
        return [glue.join(of[start : start + length]) for start in starts]

    right = range(0, max(1, n - overlap), step)
    return {
        "nothing overlaps: the next piece starts size - overlap words later, not size.": pieces(
            range(0, n, size)
        ),
        "the next piece starts size - overlap words later, not overlap.": pieces(
            range(0, n, overlap or 1)
        ),
        "words between the pieces are lost: go on by size - overlap, not size + overlap.": pieces(
            range(0, n, size + overlap)
        ),
        "the last piece only repeats the end of the one before: stop when all words are in.": (
            pieces(range(0, n, step))
        ),
        "the words at the end are in no piece: the last one may be shorter.": pieces(
            range(0, n - size + 1, step)
        ),
        "put a space between the words of a piece.": pieces(right, glue=""),
        "you cut letters: size counts words, so cut the list before you join it.": pieces(
            range(0, max(1, len(" ".join(words)) - overlap), step), glue="", of=" ".join(words)
        ),
        "`size` counts all words of a piece, the repeated ones too.": pieces(
            range(0, n, size), size + overlap
        ),
        "the pieces are one word too short: a slice ends before its second number.": pieces(
            right, size - 1
        ),
        "the pieces are one word too long: a slice ends before its second number.": pieces(
            right, size + 1
        ),
        "a new piece for every word: the next one starts size - overlap words later.": pieces(
            range(n)
        ),
    }


@feedback.check
def check_hamming(answer):
    """``answer(query, bank)``: how many bits of ``(b,)`` and of each row of ``(n, b)`` differ."""
    rng = np.random.default_rng(5)
    query, bank = (rng.integers(0, 256, size, dtype=np.uint8) for size in ((40,), (7, 40)))
    bank[3], bank[5] = query, ~query  # no bit differs, all differ
    got = feedback.numbers(feedback.call(answer, query, bank))
    right = np.bitwise_count(query ^ bank).sum(axis=1, dtype=np.int64)
    expect(got.size > 1, "one number for each row of the bank, not one for all: sum with axis=1.")
    each = "one number for each of the 40 bytes of each row: sum them over axis 1."
    expect(got.shape != bank.shape, each)
    unpacked = got.shape == (len(bank), bank.shape[1] * 8)
    expect(not unpacked, "those are the bits; sum them over axis 1.")
    across = f"{len(bank)} rows, so {len(bank)} distances; yours have shape {got.shape}: axis=1."
    expect(got.shape == right.shape, across)
    rest = f"row 3 is the query itself, distance 0; in row 5 all 320 bits differ. Yours: {got[3]:g}"
    if not near(got, right):
        name_mistake(got, _slips_of_hamming(query, bank, right), f"{rest}, {got[5]:g}.")
    return "two instructions for 64 numbers at once: that is why bits are so fast."


def _slips_of_hamming(query, bank, right) -> dict:
    """``{hint: the numbers that this slip gives}``."""
    total, as_numbers = 8 * bank.shape[1], bank.astype(int) - query
    ones = np.unpackbits(bank, axis=1).sum(axis=1, dtype=int)
    return {
        "you count the bytes that differ; count the bits that differ in each.": (
            (query != bank).sum(axis=1)
        ),
        "those are the bits that are equal.": total - right,
        "the XOR's bytes are summed as numbers: count their ones, np.bitwise_count.": (
            (query ^ bank).sum(axis=1, dtype=int)
        ),
        "you count the ones that both have (&): a distance needs XOR, ^.": (
            np.bitwise_count(query & bank).sum(axis=1)
        ),
        "you count the ones that either has (|): a distance needs XOR, ^.": (
            np.bitwise_count(query | bank).sum(axis=1)
        ),
        "the difference of the bytes as numbers says nothing about bits: use XOR, ^.": (
            np.abs(as_numbers).sum(axis=1)
        ),
        "uint8 ends at 255: sum with dtype=int.": right % 256,
        "a share: do not divide, the distance is the number of bits.": right / total,
        "the sign is turned: a distance is 0 or more.": -right,
        "no root: the distance is the number of bits itself.": np.sqrt(right),
        "those are the ones of each row; compare them with the query's first, by XOR.": ones,
        "how many ones more: equal counts can be at different places. Use XOR, ^.": np.abs(
            ones - np.unpackbits(query).sum(dtype=int)
        ),
    }
