"""The checks of notebook 4's exercises: tried on numbers that the student has not seen."""

from __future__ import annotations

import math

from course_utils.exercises import feedback, trigrams
from course_utils.exercises.feedback import Hint, expect, near


def _match(got, mistakes: dict, rest: str) -> None:
    """Raise the hint of the first of the ``mistakes`` (hint: value) that ``got`` equals."""
    for hint, value in mistakes.items():
        expect(not near(got, value), hint)
    raise Hint(rest)


@feedback.check
def check_gigabytes(answer):
    """``answer(n, dimensions, bits)``: n · dimensions · bits / 8 bytes, in billions."""
    n, d, bits = 3_700_000, 70, 16
    got, right = feedback.call(answer, n, d, bits), n * d * bits / 8 / 1e9
    if not near(got, right):
        mistakes = {
            "a byte has 8 bits: divide.": 8 * right,
            "that is one number a vector; each has `dimensions` of them.": right / d,
            "that counts numbers, not their bytes: bits / 8 bytes each.": n * d / 1e9,
            "four bytes a number is only right for 32 bits: use `bits`.": n * d * 4 / 1e9,
            "those are bytes; a GB is a billion of them.": right * 1e9,
            "those are MB, millions; a GB is a billion bytes.": right * 1e3,
            "those are GiB, 2 to the power of 30; a GB is a billion bytes.": right * 1e9 / 2**30,
        }
        _match(got, mistakes, "number of vectors × numbers in each × bytes a number, in billions.")
    expect(
        near(feedback.call(answer, n, d), 2 * right),
        "without `bits` they are 32: keep the default.",
    )
    return "and no trick of search changes it: only fewer vectors, fewer numbers or fewer bits do."


@feedback.check
def check_cheapest_threshold(answer):
    """``answer(scores, right, price)``: a t of the least price · wrong shown + right not shown."""
    import numpy as np

    rng = np.random.default_rng(11)
    scores = rng.permutation(np.linspace(0.11, 0.95, 40))
    right = rng.random(40) < scores
    for truth, price in ((right, 3), (right, 0.5), (np.zeros(40, dtype=bool), 2)):
        got = feedback.call(answer, scores.copy(), truth.copy(), price)
        got = feedback.numbers(got, "a threshold")
        expect(got.size == 1, f"one threshold is wanted, not {got.size} numbers.")
        _check_cheapest(float(got.item()), scores, truth, price)
    return "the dearer a wrong suggestion, the higher the threshold: it is a choice, not a fact."


def _check_cheapest(got: float, scores, right, price: float) -> None:
    """Hint unless the mistakes at ``got`` cost as little as at the best threshold."""

    def cost(t, wrong=price, missed=1, refused=0, above=0):
        shown = scores > t if above else scores >= t
        counts = (shown & ~right).sum(), (~shown & right).sum(), (~shown & ~right).sum()
        return wrong * counts[0] + missed * counts[1] + refused * counts[2]

    tries = [*scores, math.inf]
    least = min(map(cost, tries))
    if near(cost(got), least):
        return
    expect(not near(got, least), "that is what the mistakes cost; the threshold is wanted.")
    expect(cost(math.inf) > least, "showing nothing costs least here: `math.inf` is worth a try.")
    mistakes = {
        "those are the dearest mistakes, not the cheapest.": {"wrong": -price, "missed": -1},
        "the price has no effect.": {"wrong": 1},
        "exchanged: the price is that of a wrong one shown.": {"wrong": 1, "missed": price},
        "a wrong one that is not shown is no mistake, and costs nothing.": {"refused": 1},
        "shown is what has *at least* t: use >=, not >.": {"above": 1},
        "a right one that is not shown costs 1.": {"missed": 0},
        "a wrong one that is shown costs `price`.": {"wrong": 0},
    }
    for hint, how in mistakes.items():
        expect(got not in tries or cost(got, **how) > min(cost(t, **how) for t in tries), hint)
    raise Hint(f"at yours the mistakes cost {cost(got):g}, at the best threshold {least:g}.")


@feedback.check
def check_softmax_with_temperature(answer):
    """``answer(z, T)`` must be soft-max of z / T, and survive large logits."""
    import numpy as np

    from course_utils.sampling import softmax

    z, T = np.array([0.3, -1.2, 2.4, 1.1, 0.0]), 0.6
    got, right = feedback.call(answer, z.copy(), T), softmax(z, T)
    shape = feedback.numbers(got).shape
    expect(shape == z.shape, f"five logits should give five probabilities, not shape {shape}.")
    if not near(got, right):
        hot, plain = np.exp(z / T), np.exp(z)
        got = feedback.numbers(got)
        expect(
            np.ptp(got) > 1e-9,
            "the notes' slip: with a fixed index above, all words get the same number. Above "
            "stands word i's own logit.",
        )
        mistakes = {
            "multiplied instead of divided: a high T should make them more alike.": softmax(z * T),
            "T has no effect.": softmax(z),
            "divide the logits by T, not the probabilities.": softmax(z) / T,
            "you normalise over the wrong thing: T belongs into the sum below, too.": (
                hot / plain.sum()
            ),
            "you normalise over the wrong thing: T belongs into the exponent above, too.": (
                plain / hot.sum()
            ),
            "T divides the logit inside the exponent, not the exponential.": plain / T / hot.sum(),
            "not normalised: divide by the sum of the exponentials.": hot,
            "those are logarithms of probabilities.": np.log(right),
        }
        total = f"they sum to {got.sum():.3g}; " if abs(got.sum() - 1) > 1e-6 else ""
        _match(got, mistakes, f"{total}compare with the corrected formula, term by term.")
    with np.errstate(all="ignore"):
        large = feedback.numbers(feedback.call(answer, z + 1000, T))
    expect(
        near(large, right),
        "right for small logits, but it overflows for large ones: subtract the largest first.",
    )
    expect(near(feedback.call(answer, -z, 3.0), softmax(-z, 3.0)), "T = 3 goes wrong.")
    return "temperature, and safe for logits of any size."


@feedback.check
def check_keep_k(answer):
    """``answer(z, k)``: soft-max over the k best logits, zero elsewhere, ties to the earlier."""
    import numpy as np

    from course_utils.sampling import softmax, top_k

    for z, k in (([0.5, 2.0, -1.0, 3.0, 1.5, 0.2], 3), ([1.0, 2.0, 0.7, 2.0, 2.0, -3.0], 2)):
        z = np.array(z)
        got, full = feedback.call(answer, z.copy(), k), softmax(z)
        cut = top_k(z, k)
        got, right = feedback.numbers(got), softmax(cut)
        expect(
            got.shape != (k,),
            f"only {k} numbers: their places in the vocabulary are lost. Give one for each logit.",
        )
        expect(got.shape == z.shape, f"{len(z)} logits, so {len(z)} numbers; yours: {got.shape}.")
        if near(got, right):
            continue
        mistakes = {
            "those are logits; the answer is probabilities: soft-max comes last.": cut,
            "not renormalised: what is kept must sum to 1 again.": np.where(right > 0, full, 0),
            "you kept the worst: the k largest logits stay.": softmax(
                np.where(np.isfinite(top_k(-z, k)), z, -np.inf)
            ),
            "nothing was cut.": full,
        }
        kept = int((got > 0).sum())
        expect(
            not near(got, softmax(np.where(right > 0, z, 0))),
            "zero is a logit like any other, and gets a probability; −inf is what forbids a word.",
        )
        ties = z >= np.sort(z)[-k]
        expect(
            kept == k or not near(got > 0, ties) or ties.sum() == k,
            f"{kept} words kept, k is {k}: of equal logits only as many may stay as there is room.",
        )
        last = np.argsort(z, kind="stable")[-k:]
        expect(
            ties.sum() == k or not (got[last] > 0).all() or kept != k,
            "of equal logits the earlier stay, as in the course's rule for ties.",
        )
        _match(got, mistakes, f"{kept} probabilities are above 0 and they sum to {got.sum():.3g}.")
    return "exactly k, ties included, and a distribution again."


@feedback.check
def check_nucleus(answer):
    """``answer(z, T, p)``: soft-max at T, cut to the fewest best words that reach p."""
    import numpy as np

    from course_utils.sampling import softmax, top_p

    z = np.array([0.1, 2.2, -0.4, 1.7, 3.0, 0.9, -2.0, 1.2])
    for T, p in ((2.5, 0.75), (0.7, 0.9), (0.3, 0.5)):
        got, full = feedback.call(answer, z.copy(), T, p), softmax(z, T)
        got = feedback.numbers(got)
        expect(
            got.shape == z.shape,
            f"{len(z)} logits, so {len(z)} probabilities; yours have shape {got.shape}.",
        )
        right = softmax(top_p(z / T, p))
        if near(got, right):
            continue
        ranked = np.sort(full)[::-1]
        short = np.where(full >= ranked[max((ranked.cumsum() <= p).sum(), 1) - 1], full, 0)
        empty = (ranked.cumsum() <= p).sum() == 0 and not np.nan_to_num(got).any()
        expect(
            not empty and not near(got, short / short.sum()) and not near(got, short),
            "you dropped the token that crosses p: it stays, so that the kept ones reach p.",
        )
        mistakes = {
            "not renormalised: what is kept must sum to 1 again.": np.where(right > 0, full, 0),
            "those are in order of size: put each back in its word's place.": np.sort(right)[::-1],
            "you cut at T = 1: the temperature comes first, then the cut.": softmax(top_p(z, p), T),
            "nothing was cut.": full,
        }
        kept = int((got > 0).sum())
        rest = f"{kept} words kept at T = {T}, p = {p}; {int((right > 0).sum())} are needed."
        _match(got, mistakes, rest)
    return "the fewest words that reach p together, and the model says how many those are."


WISH = {"new": 0.87, "familiar": 0.99}  # what `check_setting` wants


@feedback.check
def check_setting(answer):
    """A dict of ``T``, ``k``, ``p`` with which the little model writes text new *and* familiar."""
    if not isinstance(answer, dict) or not answer.keys() <= {"T", "k", "p"}:
        raise Hint('give a dictionary with "T", and "k" and "p" if you like.')
    T, k, p = (answer.get(name, usual) for name, usual in (("T", 1.0), ("k", None), ("p", 1.0)))
    if T == 0 or k == 0:
        raise Hint("0 is no setting: T above 0 (T → 0 is k = 1), k at least 1 or None.")
    try:
        written = [trigrams.judge(trigrams.write(40, T, k, p, seed)) for seed in (101, 102, 103)]
    except (TypeError, ValueError) as error:
        raise Hint(f"this cannot be sampled with: {error}") from None
    new, familiar = (sum(column) / len(written) for column in zip(*written, strict=True))
    found = f"new {new:.3f} ({WISH['new']} wanted), familiar {familiar:.3f} ({WISH['familiar']})"
    if new >= WISH["new"] and familiar >= WISH["familiar"]:
        return f"{found}. Is it also *good*? Read some aloud."
    if p == 1:
        raise Hint(
            f"{found}. "
            + ("Top-k keeps as many words where the model is sure as where it is not." if k else
               "Temperature alone takes from familiar what it gives to new: cut the tail, too.")
        )  # fmt: skip
    expect(familiar < WISH["familiar"], f"too boring. {found}: a higher T, or a larger p.")
    expect(new < WISH["new"], f"word salad. {found}: a lower T, or a smaller p.")
    raise Hint(f"{found}: repetitive and odd at once, as when a high T chooses among few words.")
