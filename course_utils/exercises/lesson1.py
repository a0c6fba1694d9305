"""The checks of notebook 1's exercises: from a mask for attention to sentences of one's own."""

from __future__ import annotations

import re

import numpy as np
import torch

from course_utils import attention, datasets, masked
from course_utils.exercises import feedback, models
from course_utils.exercises.feedback import ToDo, expect, name_mistake, near
from course_utils.internal import tables
from course_utils.similarity import cosine_similarity

LEAST_GAP = 0.05  # between the cosines of two meanings
LEAST_WORDS = 5  # fewer give a word no context
LESSON_GAPS = ("We heard the", "The old", "They looked at the", "She opened the", "He asked for a")


@feedback.check
def check_attention(answer):
    """``answer(q, k, v)`` must be soft-max(q kᵀ / √d) v, (t, d_v)."""
    draw = np.random.default_rng(0).normal
    for t, d, wide in ((3, 2, 2), (5, 4, 3)):
        q, k = (torch.tensor(draw(0, 2, (t, d)), dtype=torch.float32) for _ in range(2))
        v = torch.tensor(draw(size=(t, wide)), dtype=torch.float32)
        right = attention.attention(q, k, v)[0]
        got = feedback.call(answer, q, k, v)
        expect(not isinstance(got, tuple), "return the new vectors only, not a pair.")
        got = feedback.numbers(got)
        mistakes = _slips_of_attention(q, k, v)
        if not near(got, right):
            name_mistake(got, mistakes)
            shape = f"give a row for each of the {t} words: ({t}, {wide}), not {got.shape}."
            expect(got.shape == (t, wide), shape)
            raise feedback.Hint("compare each step with the worked example: scores, shares, mean.")
    return "three words or three thousand, it is always these three steps."


def _slips_of_attention(q, k, v) -> dict:
    """``{hint: what the usual slips give}``."""
    d = q.shape[-1]
    scores = q @ k.T
    divided = scores / d**0.5
    weights = divided.softmax(-1)
    root = "divide the scores by the root of d (the numbers in a query): "
    return {
        f"{root}you did not divide.": scores.softmax(-1) @ v,
        f"{root}you divided by d itself.": (scores / d).softmax(-1) @ v,
        f"{root}you multiplied.": (scores * d**0.5).softmax(-1) @ v,
        f"{root}you took the number of words.": (scores / len(q) ** 0.5).softmax(-1) @ v,
        "divide the scores by the root before soft-max, not after it.": (
            scores.softmax(-1) / d**0.5 @ v
        ),
        "soft-max must go along each row (dim=-1); you took the columns.": divided.softmax(0) @ v,
        "soft-max is missing: without it the shares do not sum to 1.": divided @ v,
        "these are the weights: multiply them by v.": weights,
        "these are the scores: soft-max and the values are still to come.": divided,
        "rows are queries, columns are keys: q @ k.T, not k @ q.T.": divided.T.softmax(-1) @ v,
        "you used the weights the wrong way round: weights @ v.": weights.T @ v,
        "the values are v; you averaged the keys.": weights @ k,
        "the values are v; you averaged the queries.": weights @ q,
    }


@feedback.check
def check_many_heads(answer):
    """``answer(q, k, v, h)``: h slices of the columns attend apart, then lie next to each other."""
    for t, d, h in ((5, 6, 2), (4, 12, 3)):
        q, k, v = torch.tensor(np.random.default_rng(h).normal(0, 2, (3, t, d))).float()
        heads = _attend(q, k, v, h)
        right = torch.cat(heads, dim=1)
        got = feedback.numbers(feedback.call(answer, q, k, v, h))
        if near(got, right):
            continue
        name_mistake(got, _slips_of_heads(q, k, v, h, heads))
        shape = f"{t} words with {d} numbers go in and come out: ({t}, {d}), not {got.shape}."
        expect(got.shape == (t, d), shape)
        raise feedback.Hint("each head gets the same d/h columns of q, of k and of v, in order.")
    return "each head looks where it wants, and the layer's last matrix mixes what they found."


def _attend(q, k, v, h: int, scale: float = 1.0) -> list:
    """What each head gives, (t, d / h); ``scale`` multiplies the queries."""
    parts = (x.chunk(h, dim=1) for x in (scale * q, k, v))
    return [attention.attention(*part)[0] for part in zip(*parts, strict=True)]


def _slips_of_heads(q, k, v, h: int, heads: list) -> dict:
    """``{hint: what the usual slips give}``."""
    t, d = q.shape
    comb = torch.arange(d).reshape(d // h, h).T.flatten()  # every h-th column
    combed = torch.cat(_attend(q[:, comb], k[:, comb], v[:, comb], h), dim=1)
    halves = [x.chunk(h, dim=0) for x in (q, k, v)]
    rows = torch.cat([attention.attention(*part)[0] for part in zip(*halves, strict=True)])
    weights = attention.attention(q, k, v)[1]
    return {
        "this is one head over all columns: cut q, k and v into h slices first.": weights @ v,
        "you cut the words into groups: cut the columns, dim=1.": rows,
        "you added the heads up: torch.cat(…, dim=1) puts them next to each other.": sum(heads),
        "you averaged the heads: torch.cat(…, dim=1) puts them next to each other.": (
            sum(heads) / h
        ),
        "you stacked the heads: torch.cat(…, dim=1) puts them next to each other.": (
            torch.stack(heads)
        ),
        "the heads are below each other: torch.cat needs dim=1.": torch.cat(heads, dim=0),
        "only one head is left: put all h next to each other.": heads[0],
        "only the last head is left: collect all h in a list.": heads[-1],
        "the heads are in the wrong order: the first slice comes first.": (
            torch.cat(heads[::-1], dim=1)
        ),
        "a slice is d/h columns in a row; you took every h-th column.": combed,
        "divide by the root of d/h: a slice's queries have d/h numbers, not d.": (
            torch.cat(_attend(q, k, v, h, h**-0.5), dim=1)
        ),
        "the slices are right; now let each attend: attention(q, k, v).": v,
    }


@feedback.check
def check_causal_mask(answer):
    """``answer(n)`` must be the ``(n, n)`` lower triangle, the diagonal included."""
    for n in (4, 1, 7):
        got, left = feedback.numbers(feedback.call(answer, n)), np.tril(np.ones((n, n)))
        expect(got.shape == (n, n), f"for {n} words the mask is ({n}, {n}); yours is {got.shape}.")
        only = "only True and False (or 1 and 0); attention turns False into -inf by itself."
        expect(np.isin(got, (0, 1)).all(), only)
        mistakes = {
            "every word may look at every word now: nothing is hidden.": np.ones((n, n)),
            "every word is hidden from every word now: True is where one may look.": 0 * left,
            "your words look to the right; they should look to the left.": left.T,
            "True is where a word may look; you marked where it may not.": 1 - left,
            "a word may look at itself, too; the first has nowhere else to look.": left - np.eye(n),
            "each word still sees its right neighbour: tril's second argument must be 0.": np.tril(
                np.ones((n, n)), 1
            ),
            "each word sees only itself now: it may look at all words before it, too.": np.eye(n),
        }
        name_mistake(got, mistakes if n > 1 else {})
        expect(near(got, left), f"{n} words: row i must be True up to column i, then False.")
    return "models that write text from left to right wear this mask; BERT takes it off."


@feedback.check
def check_whole_words(answer):
    """``answer(tokens, chosen)``: positions of all pieces of every word that was chosen."""
    cases = [  # tokens, chosen, all to hide
        ("[CLS] the snow ##man melt ##ed [SEP]", {2}, {2, 3}),
        ("[CLS] the snow ##man melt ##ed [SEP]", {1, 5}, {1, 4, 5}),
        ("[CLS] un ##be ##liev ##able ! [SEP]", {3}, {1, 2, 3, 4}),
        ("[CLS] read the book ##shelf again [SEP]", set(), set()),
    ]
    for text, chosen, right in cases:
        tokens = text.split()
        found = _positions(feedback.call(answer, tokens, chosen), tokens)
        where = f"“{text}” with {sorted(chosen)} chosen"
        _expect_whole(found, chosen, right, tokens, where)
    return "nobody can guess “##man” from “snow” any more: the game is harder, and better."


def _expect_whole(found: set, chosen: set, right: set, tokens: list, where: str) -> None:
    """Hint unless the positions ``found`` are the ``right`` ones."""
    expect(bool(found) or not chosen, f"{where}: you hide nothing at all.")
    expect(found >= chosen, f"{where}: every chosen position stays hidden; you left some out.")
    expect(chosen != {2} or found != chosen, f"{where}: the other pieces are still in sight.")
    first = min(right - found, default=None)
    expect(
        first is None or "##" in tokens[first],
        f"{where}: look to the left, too: the word begins at {first}, and shows.",
    )
    expect(first is None, f"{where}: look to the right, too: piece {first} still shows.")
    expect(found == right, f"{where}: you hid {min(found - right, default=0)}, another word.")


def _positions(got, tokens: list[str]) -> set[int]:
    """What a student gave as positions among the tokens, as a set; Hint for anything else."""
    n = len(tokens)
    needed = f"give a list (or a set) of positions from 0 to {n - 1}, such as [2, 3]."
    expect(hasattr(got, "__iter__") and getattr(got, "ndim", 1) == 1, needed)
    got = list(got)
    expect(not any(isinstance(g, str) for g in got), f"those are the pieces themselves: {needed}")
    found = feedback.numbers(got, "a list of positions")
    yes_or_no = found.shape == (n,) and np.isin(found, (0, 1)).all()
    expect(not yes_or_no, "give positions, such as [2, 3], not one yes or no for each token.")
    expect(found.ndim == 1 and np.isin(found, np.arange(n)).all(), needed)
    return set(found.astype(int).tolist())


@feedback.check
def check_days_for_all_pairs(answer):
    """``answer(n, pairs_per_second)`` must be n (n - 1) / 2 pairs, in days."""
    for n, rate in ((10_000, 214.0), (2, 1.0), (777, 35.5)):
        got = feedback.numbers(feedback.call(answer, n, rate))
        expect(got.size == 1, "give one number: days.")
        right = n * (n - 1) / 2 / rate / 86_400
        ratio = float(got.reshape(-1)[0]) / right
        name_mistake(ratio, _slips_of_days(n, rate) if n > 2 else {}, tolerance=1e-9)
        whole = n > 2 and right > 1 and float(got.reshape(-1)[0]) in (int(right), round(right))
        expect(not whole, "do not round: / keeps the parts of a day, // and round drop them.")
        yours = f"{n:,} questions, {rate:g} pairs/s: {right:.6g} days, not {right * ratio:g}."
        expect(np.isclose(ratio, 1), yours)
    return "ten thousand questions take days, and ten times as many take a hundred times as long."


def _slips_of_days(n: int, rate: float) -> dict[str, float]:
    """``{hint: how many times too large}`` the usual slips are."""
    return {
        "these are seconds; a day has 86,400.": 86_400,
        "these are hours; a day has 24.": 24,
        "these are minutes; a day has 1,440.": 1_440,
        "every pair counts once: b with a is a with b. Halve it.": 2,
        "n times n counts every pair twice, and each with itself.": 2 * n / (n - 1),
        "a question is not compared with itself: n - 1 partners, not n.": n / (n - 1),
        "you count each question's pair with itself: n - 1, not n + 1.": (n + 1) / (n - 1),
        "divide by the pairs a second; you multiplied.": rate**2,
        "that is one new question against n; here each meets every other.": 2 / (n - 1),
        "this is the number of pairs: divide by the pairs a second, then by a day.": rate * 86_400,
        "the pairs a second have no effect: divide the pairs by them.": rate,
        "divide by the seconds of a day; you multiplied.": 86_400**2,
    }


@feedback.check
def check_right_side(left, one, other):
    """Same left side with a ``[MASK]``, two endings: course-bert must guess different words."""
    for text in (left, one, other):
        expect(isinstance(text, str), "give three texts in quotes.")
    left, one, other = left.strip(), one.strip(), other.strip()
    expect(left.count("[MASK]") == 1, "the gap, [MASK], must be there once, in the left part.")
    expect("[MASK]" not in one + other, "the endings hold no [MASK]: the gap is on the left.")
    known = [start for start in LESSON_GAPS if left.lower().startswith(f"{start} [MASK]".lower())]
    expect(not known, f"“{left}” is the lesson's; find a beginning of your own.")
    expect(left.lower() != "the [mask] is", "that is the example; find a beginning of your own.")
    worded = [re.search(r"[^\W\d_]{2}", ending) for ending in (one, other)]
    expect(all(worded), "give both endings some words.")
    expect(one != other, "the two endings are the same: nothing on the right changes.")
    best = [masked.fill_mask(f"{left} {ending}", top_k=1)[0].word for ending in (one, other)]
    for guess in best:
        expect(
            guess.isalpha(),
            f"BERT expects “{guess}” there, which is no word; change the text. It must be English.",
        )
    again = f"BERT says “{best[0]}” both times; try endings that ask for another kind of word."
    expect(best[0] != best[1], again)
    return f"“{best[0]}”, then “{best[1]}”, and not a word on the left has changed."


@feedback.check
def check_two_meanings(word, alike, odd):
    """MiniLM's vectors of ``word``: two sentences ``alike`` nearer than a third, ``odd``."""
    expect(isinstance(alike, list | tuple) and len(alike) == 2, "alike: a list of two sentences.")
    if any(text is ... for text in alike):
        raise ToDo
    for text in (word, odd, *alike):
        expect(isinstance(text, str), "the word and the three sentences: texts in quotes.")
    word, texts = word.strip().lower(), [*alike, odd]
    _expect_three_sentences(word, texts)
    lesson = {row["word"] for row in tables.read_csv(datasets.DATA / "senses.csv", ("word",))}
    expect(word not in lesson, f"“{word}” is the lesson's; find another.")
    near_cosine, far_cosine = _cosines_of(word, texts)
    numbers = f"alike {near_cosine:.2f}, odd {far_cosine:.2f}"
    nearer = f"{numbers}: odd is the nearer one. Is it really the other meaning?"
    expect(near_cosine > far_cosine, nearer)
    expect(
        near_cosine >= far_cosine + LEAST_GAP,
        f"{numbers}: too close. Say more that only fits one of the meanings, or take a word "
        "whose meanings are further apart.",
    )
    return f"{numbers}: one word, two vectors; the context made the difference."


def _expect_three_sentences(word: str, texts: list[str]) -> None:
    """Hint unless the word is once in each of three long enough, different sentences."""
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        expect(words.count(word) == 1, f"“{text}”: it must hold “{word}” once, in just this form.")
        short = f"“{text}” has {len(words)} words, too short to show what “{word}” means: write "
        expect(len(words) >= LEAST_WORDS, f"{short}at least {LEAST_WORDS}.")
    one, two, three = (set(re.findall(r"\w+", text.lower())) for text in texts)
    same = len(one & two) / len(one | two)
    expect(same <= 0.5, "your two sentences are nearly one; say something else in the second.")
    expect(three not in (one, two), "odd is the same sentence again; use the other meaning.")


def _cosines_of(word: str, texts: list[str]) -> tuple[float, float]:
    """Of ``word`` in MiniLM: between the first two texts, and the greater one to the third."""
    encoder = models.encoder("minilm")
    token = encoder.tokenizer.convert_tokens_to_ids(word)
    whole = token != encoder.tokenizer.unk_token_id
    expect(whole, f"MiniLM knows “{word}” only in pieces; take a commoner English word.")
    # the three texts' token vectors (3, t, dim), of which the word's own: (3, dim)
    batch = encoder.tokenize(texts)
    with torch.inference_mode():
        states = encoder.model(**batch).last_hidden_state
    vectors = states[batch["input_ids"] == token].numpy()
    expect(len(vectors) == 3, "MiniLM reads 128 tokens at most: write shorter sentences.")
    cosines = cosine_similarity(vectors, vectors)
    return float(cosines[0, 1]), float(max(cosines[0, 2], cosines[1, 2]))
