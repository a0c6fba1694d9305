"""The checks of notebook 4's exercises: tried on numbers that the student has not seen."""

from __future__ import annotations

import math

from course_utils.exercises import core, trigrams
from course_utils.exercises.core import Hint, expect, near


def _match(got, mistakes: dict, rest: str) -> None:
    """Raise the hint of the first of the ``mistakes`` (hint: value) that ``got`` equals."""
    for hint, value in mistakes.items():
        expect(not near(got, value), hint)
    raise Hint(rest)


@core.check
def check_gigabytes(answer):
    """``answer(n, dimensions, bits)``: n · dimensions · bits / 8 bytes, in billions."""
    n, d, bits = 3_700_000, 70, 16
    got, right = core.call(answer, n, d, bits), n * d * bits / 8 / 1e9
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
        near(core.call(answer, n, d), 2 * right), "without `bits` they are 32: keep the default."
    )
    return "and no trick of search changes it: only fewer vectors, fewer numbers or fewer bits do."


def _check_threshold(got, scores, right, wanted: float, best: float) -> None:
    """Hint unless ``got`` shows exactly the texts of the lowest allowed threshold ``best``."""
    import numpy as np

    got = core.numbers(got, "a threshold")
    expect(got.size == 1, f"one threshold is wanted, not {got.size} numbers.")
    got = float(got.item())
    if best == math.inf:
        expect(got == math.inf, "where no threshold reaches the precision, answer math.inf.")
        return
    shown, should = scores >= got, scores >= best
    if (shown == should).all():
        return
    expect(shown.any(), "nothing at all is shown at your threshold, although some could be.")
    reached = right[shown].mean()
    if reached < wanted and got == scores[scores < best].max():
        raise Hint("one too low: what is shown has a score of *at least* t: use >=, not >.")
    expect(
        reached >= wanted,
        f"at yours {reached:.0%} of what is shown is right, {wanted:.0%} were wanted. "
        "Precision is right-and-shown / shown (divided by all that are right, it is recall).",
    )
    expect(
        got != scores.max(),
        "that is the highest score: almost nothing would be shown; start from the lowest.",
    )
    first_failure = next(t for t in np.sort(scores)[::-1] if right[scores >= t].mean() < wanted)
    expect(
        got != scores[scores > first_failure].min(),
        "you stop at the first failure from above; precision is no smooth curve, and a lower "
        "threshold reaches it again.",
    )
    raise Hint("it reaches the precision, but a lower one does too, and shows more.")


@core.check
def check_lowest_threshold(answer):
    """``answer(scores, right, wanted)``: the lowest t with precision(t) >= wanted, or inf."""
    import numpy as np

    rng = np.random.default_rng(11)
    scores = rng.permutation(np.linspace(0.11, 0.95, 40))
    right = rng.random(40) < scores
    right[np.argsort(-scores)[:6]] = [True, True, False, True, True, True]
    for truth in (right, ~right | (scores > 0.9), np.zeros(40, dtype=bool)):
        allowed = [t for t in scores if truth[scores >= t].mean() >= 0.75]
        got = core.call(answer, scores.copy(), truth.copy(), 0.75)
        _check_threshold(got, scores, truth, 0.75, min(allowed, default=math.inf))
    return "as many answers as the rule allows. Choose it on one half, judge it on the other."


@core.check
def check_softmax_with_temperature(answer):
    """``answer(z, T)`` must be soft-max of z / T, and survive large logits."""
    import numpy as np

    from course_utils.sampling import softmax

    z, T = np.array([0.3, -1.2, 2.4, 1.1, 0.0]), 0.6
    got, right = core.call(answer, z.copy(), T), softmax(z, T)
    shape = core.numbers(got).shape
    expect(shape == z.shape, f"five logits should give five probabilities, not shape {shape}.")
    if not near(got, right):
        hot, plain = np.exp(z / T), np.exp(z)
        got = core.numbers(got)
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
        large = core.numbers(core.call(answer, z + 1000, T))
    expect(
        near(large, right),
        "right for small logits, but it overflows for large ones: subtract the largest first.",
    )
    expect(near(core.call(answer, -z, 3.0), softmax(-z, 3.0)), "T = 3 goes wrong.")
    return "temperature, and safe for logits of any size."


@core.check
def check_keep_k(answer):
    """``answer(z, k)``: soft-max over the k best logits, zero elsewhere, ties to the earlier."""
    import numpy as np

    from course_utils.sampling import softmax, top_k

    for z, k in (([0.5, 2.0, -1.0, 3.0, 1.5, 0.2], 3), ([1.0, 2.0, 0.7, 2.0, 2.0, -3.0], 2)):
        z = np.array(z)
        got, full = core.call(answer, z.copy(), k), softmax(z)
        cut = top_k(z, k)
        got, right = core.numbers(got), softmax(cut)
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


@core.check
def check_nucleus(answer):
    """``answer(z, T, p)``: soft-max at T, cut to the fewest best words that reach p."""
    import numpy as np

    from course_utils.sampling import softmax, top_p

    z = np.array([0.1, 2.2, -0.4, 1.7, 3.0, 0.9, -2.0, 1.2])
    for T, p in ((2.5, 0.75), (0.7, 0.9), (0.3, 0.5)):
        got, full = core.call(answer, z.copy(), T, p), softmax(z, T)
        got = core.numbers(got)
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


WISH = {"new": 0.85, "familiar": 0.97}  # what `check_setting` wants


@core.check
def check_setting(answer):
    """A dict of ``T``, ``k``, ``p`` with which the little model writes text new *and* familiar."""
    if not isinstance(answer, dict) or not answer.keys() <= {"T", "k", "p"}:
        raise Hint('give a dictionary with "T", and "k" and "p" if you like.')
    T, k, p = (answer.get(name, usual) for name, usual in (("T", 1.0), ("k", None), ("p", 1.0)))
    if T == 0 or k == 0:
        raise Hint("0 is no setting: T above 0 (T → 0 is k = 1), k at least 1 or None.")
    try:
        written = [trigrams.judge(trigrams.write(40, T, k, p, seed)) for seed in (101, 102)]
    except (TypeError, ValueError) as error:
        raise Hint(f"this cannot be sampled with: {error}") from None
    new, familiar = (sum(column) / len(written) for column in zip(*written, strict=True))
    found = f"new {new:.2f} ({WISH['new']} wanted), familiar {familiar:.2f} ({WISH['familiar']})"
    boring, odd = new < WISH["new"], familiar < WISH["familiar"]
    expect(
        not (boring and odd),
        f"{found}: repetitive and odd at once, as when a high T chooses among very few words.",
    )
    expect(not boring, f"too boring. {found}: a higher T, a larger k, or a larger p.")
    expect(not odd, f"word salad. {found}: a lower T, or cut the tail of unlikely words off.")
    return f"{found}. Is it also *good*? Read some aloud."
