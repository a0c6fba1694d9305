"""The checks of notebook 4's exercises, part 2: tried on numbers that the student has not seen."""

from __future__ import annotations

import numpy as np

from course_utils.exercises import feedback
from course_utils.exercises.feedback import Hint, expect, name_mistake, near
from course_utils.sampling import min_p, softmax, top_k, top_p


@feedback.check
def check_softmax_with_temperature(answer):
    """``answer(z, T)`` must be soft-max of z / T, and survive logits of any size."""
    z, T = np.array([0.3, -1.2, 2.4, 1.1, 0.0]), 0.6
    got, right = feedback.numbers(feedback.call(answer, z, T)), softmax(z, T)
    shape = f"five logits should give five probabilities, not shape {got.shape}."
    expect(got.shape == z.shape, shape)
    if not near(got, right):
        same = "the notes' slip: with a fixed index above, all words get the same number. Above is "
        expect(np.ptp(got) > 1e-9, f"{same}word i's own logit.")
        total = f"they sum to {got.sum():.3g}; " if abs(got.sum() - 1) > 1e-6 else ""
        rest = f"{total}compare with the corrected formula, term by term."
        name_mistake(got, _slips_of_softmax(z, T), rest)
    expect(near(feedback.call(answer, -z, 3.0), softmax(-z, 3.0)), "T = 3 goes wrong.")
    far = "right for small logits, but it overflows for"
    sizes = {  # each takes one way of subtracting apart
        f"{far} large ones: subtract the largest first.": (z + 1000, 1.0),
        f"{far} logits far apart: subtract the largest, nothing else.": ([0.0, 1000.0, 999.0], 1.0),
        f"{far} a small T: the largest of z / T must go, you subtract that of z.": (
            [1000.0, 1001.0],
            0.5,
        ),
        "right for small logits, but 0 / 0 for a high T: subtract the largest of z / T, not of "
        "z.": ([2000.0, 2001.0], 2.0),
    }
    for hint, (logits, temperature) in sizes.items():
        logits = np.array(logits)
        with np.errstate(all="ignore"):
            got = feedback.call(answer, logits, temperature)
        expect(near(got, softmax(logits, temperature)), hint)
    return "temperature, and safe for logits of any size."


def _slips_of_softmax(z, T) -> dict:
    """``{hint: the numbers that this slip gives}``."""
    hot, plain = np.exp(z / T), np.exp(z)
    return {
        "multiplied instead of divided: a high T should make them more alike.": softmax(z * T),
        "T has no effect.": softmax(z),
        "divide the logits by T, not the probabilities.": softmax(z) / T,
        "you normalise over the wrong thing: T belongs into the sum below, too.": hot / plain.sum(),
        "you normalise over the wrong thing: T belongs into the exponent above, too.": (
            plain / hot.sum()
        ),
        "T divides the logit inside the exponent, not the exponential.": plain / T / hot.sum(),
        "not normalised: divide by the sum of the exponentials.": hot,
        "those are logarithms of probabilities.": np.log(softmax(z, T)),
        "the sign is turned: e to the power of z / T, not of -z / T.": softmax(-z, T),
        "divided by the largest: divide by the sum of all.": hot / hot.max(),
        "2 to the power of z / T; the soft-max has e: np.exp.": softmax(z * np.log(2), T),
        "soft-max is taken twice: once is enough.": softmax(softmax(z, T)),
        "the exponentials are missing: np.exp(z / T).": z / z.sum(),
    }


@feedback.check
def check_keep_k(answer):
    """``answer(z, k)``: soft-max over the k best logits, zero elsewhere, ties to the earlier."""
    for z, k in (([0.5, 2.0, -1.0, 3.0, 1.5, 0.2], 3), ([1.0, 2.0, 0.7, 2.0, 2.0, -3.0], 2)):
        z = np.array(z)
        got, right = feedback.numbers(feedback.call(answer, z, k)), softmax(top_k(z, k))
        few = f"only {k} numbers: their places in the vocabulary are lost. Give one for each logit."
        expect(got.shape != (k,), few)
        expect(got.shape == z.shape, f"{len(z)} logits, so {len(z)} numbers; yours: {got.shape}.")
        if not near(got, right):
            _name_slip_of_k(got, z, k, right)
    return "exactly k, ties included, and a distribution again."


def _slips_of_k(z, k: int, right) -> dict:
    """``{hint: the numbers that this slip gives}``."""
    full, logits = softmax(z), np.where(right > 0, z, 0)
    worst = softmax(np.where(np.isfinite(top_k(-z, k)), z, -np.inf))
    return {
        "those are logits; the answer is probabilities: soft-max comes last.": top_k(z, k),
        "those are logits; the answer is probabilities, soft-max comes last. And −inf is what "
        "forbids a word, not 0.": logits,
        "not renormalised: what is kept must sum to 1 again.": np.where(right > 0, full, 0),
        "you kept the worst: the k largest logits stay.": worst,
        "nothing was cut.": full,
        "zero is a logit like any other, and gets a probability; −inf forbids a word.": (
            softmax(logits)
        ),
        "the k kept are all alike: soft-max gives a better logit a larger share.": (
            (right > 0) / k
        ),
        "logits divided by their sum: soft-max takes their exponentials.": (
            logits / z[right > 0].sum()
        ),
        "in order of size: put each probability back in its word's place.": (np.sort(right)[::-1]),
        "in order of size, the smallest first: put each back in its word's place.": (
            np.sort(right)
        ),
        "soft-max is taken twice: once, at the end, is enough.": softmax(right),
        "those are 0 and 1: the answer is probabilities.": right > 0,
    }


def _name_slip_of_k(got, z, k: int, right) -> None:
    """Raise the hint for probabilities ``got`` that are not those of the k best logits."""
    name_mistake(got, _slips_of_k(z, k, right))
    kept = int((got > 0).sum())
    same_logits = kept == k and near(np.sort(z[got > 0]), np.sort(z[right > 0]))
    tie = "of equal logits the earlier stay, as in the course's rule for ties."
    expect(not same_logits or ((got > 0) == (right > 0)).all(), tie)
    ties = z >= np.sort(z)[-k]
    room = f"{kept} words kept, k is {k}: of equal logits only as many may stay as there is room."
    expect(kept == k or not near(got > 0, ties), room)
    one_off = {k - 1: "one too few", k + 1: "one too many"}.get(kept, "not k")
    expect(kept == k, f"{kept} words kept, k is {k}: {one_off}.")
    raise Hint(f"{kept} words kept, but not these numbers: soft-max of the k largest logits.")


@feedback.check
def check_nucleus(answer):
    """``answer(z, T, p)``: soft-max at T, cut to the fewest best words that reach p."""
    z = np.array([0.1, 2.2, -0.4, 1.7, 3.0, 0.9, -2.0, 1.2])
    for T, p in ((2.5, 0.75), (0.7, 0.9), (0.3, 0.5)):
        got = feedback.numbers(feedback.call(answer, z, T, p))
        shape = f"{len(z)} logits, so {len(z)} probabilities; yours have shape {got.shape}."
        expect(got.shape == z.shape, shape)
        right = softmax(top_p(z / T, p))
        if not near(got, right):
            _name_slip_of_p(got, z, T, p, right)
    return "the fewest words that reach p together, and the model says how many those are."


def _slips_of_p(z, T: float, p: float, right) -> dict:
    """``{hint: the numbers that this slip gives}``."""
    full = softmax(z, T)
    worst = np.argsort(full, kind="stable")[: (np.sort(full).cumsum() < p).sum() + 1]
    of_worst = np.where(np.isin(np.arange(len(z)), worst), full, 0)
    return {
        "not renormalised: what is kept must sum to 1 again.": np.where(right > 0, full, 0),
        "those are in order of size: put each back in its word's place.": np.sort(right)[::-1],
        "you cut at T = 1: the temperature comes first, then the cut.": softmax(top_p(z, p), T),
        "nothing was cut.": full,
        "T has no effect: divide the logits by it first.": softmax(top_p(z, p)),
        "soft-max is taken twice: divide what is kept by its sum.": softmax(right),
        "soft-max is taken twice: divide the kept ones by their sum.": softmax(
            np.where(right > 0, full, -np.inf)
        ),
        "you kept the worst: go from the best word down.": of_worst / of_worst.sum(),
        "multiplied by T: divide the logits by it.": softmax(top_p(z * T, p)),
        "those are 0 and 1: the answer is probabilities.": right > 0,
        "the kept are all alike: keep their probabilities.": (right > 0) / (right > 0).sum(),
    }


def _name_slip_of_p(got, z, T: float, p: float, right) -> None:
    """Raise the hint for probabilities ``got`` that are not those of the nucleus."""
    full = softmax(z, T)
    ranked = np.sort(full)[::-1]
    before_p = (ranked.cumsum() <= p).sum()  # words before the one that crosses p
    short = np.where(full >= ranked[max(before_p, 1) - 1], full, 0)
    empty = before_p == 0 and not np.nan_to_num(got).any()
    dropped = empty or near(got, short / short.sum()) or near(got, short)
    stays = "you dropped the token that crosses p: it stays, so that the kept ones reach p."
    expect(not dropped, stays)
    name_mistake(got, _slips_of_p(z, T, p, right))
    each = np.where(full >= p, full, 0)
    alone = near(got, each / max(each.sum(), 1e-9)) or near(got, each) or np.isnan(got).all()
    expect(not alone, "p is for the sum from the best word down, not for each word alone.")
    kept, needed = int((got > 0).sum()), int((right > 0).sum())
    count = f"at T = {T}, p = {p} {needed} words are needed; you keep {kept}."
    expect(kept == needed, f"{count} Add up the probabilities from the best down until p.")
    raise Hint(f"{needed} words are kept, as needed, but their probabilities are other ones.")


@feedback.check
def check_min_p(answer):
    """``answer(z, share)``: soft-max, cut to what has at least ``share`` of the best, sum 1."""
    z = np.array([0.1, 2.2, -0.4, 1.7, 3.0, 0.9, -2.0, 1.2])
    for share in (0.1, 0.3, 0.9):
        got, full = feedback.numbers(feedback.call(answer, z, share)), softmax(z)
        expect(got.shape == z.shape, f"8 logits, so 8 probabilities; yours: {got.shape}.")
        right = softmax(min_p(z, share))
        if near(got, right):
            continue
        fixed = np.where(full >= share, full, 0)
        mistakes = {
            "not renormalised: what is kept must sum to 1 again.": np.where(right > 0, full, 0),
            "the border is a share of the best probability: multiply by the largest.": fixed,
            "a share of the largest *probability*, not of the largest logit.": softmax(
                np.where(z >= share * z.max(), z, -np.inf)
            ),
            "nothing was cut.": full,
        }
        if fixed.any():
            hint = "a share of the best, not a fixed border: multiply by the largest."
            mistakes[hint] = fixed / fixed.sum()
        name_mistake(got, mistakes, "keep p >= share * p.max(), then divide by what is left.")
    return "the surer the model, the stricter the cut."


WISH = {"new": 0.9, "likely": -2.0}  # what `check_setting` wants


@feedback.check
def check_setting(answer, write_many, judge):
    """A dict of settings with which ``write_many`` writes text that is new *and* likely."""
    names = {"temperature", "top_k", "top_p", "min_p"}
    if answer is ...:
        raise feedback.ToDo
    if not isinstance(answer, dict) or not answer.keys() <= names:
        raise Hint(
            'give a dictionary with "temperature", and "top_k", "top_p", "min_p" if you like.'
        )
    try:
        scores = judge(write_many(**answer))
    except (TypeError, ValueError) as error:
        raise Hint(f"this cannot be sampled with: {error}") from None
    new, likely = scores["new"], scores["likely"]
    found = f"new {new:.2f} ({WISH['new']} wanted), likely {likely:.1f} ({WISH['likely']} wanted)"
    dull, wild = new < WISH["new"], likely < WISH["likely"]
    expect(not (dull and wild), f"{found}: repetitive and odd at once.")
    expect(not dull, f"too boring. {found}: a higher temperature, or a weaker cut.")
    expect(not wild, f"word salad. {found}: a lower temperature, or a stricter cut.")
    return f"{found}. Is it also *good*? Read some aloud."
