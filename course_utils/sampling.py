"""From logits to a choice: soft-max with temperature, top-k, top-p, entropy, sampling.

Everything works on numpy arrays, one row of ``logits (..., vocab)`` at a time along the last
axis; a logit of ``-inf`` means "impossible". Probabilities come back in float64. Sources:
temperature, Ackley, Hinton & Sejnowski 1985; top-k, Fan et al. 2018; top-p, Holtzman et al. 2020.
"""

from __future__ import annotations

import numpy as np

from course_utils.internal.checks import (
    check_at_least_1,
    check_logits,
    check_probabilities,
    check_temperature,
    check_top_k,
    check_top_p,
)


def log_softmax(logits, temperature: float = 1.0) -> np.ndarray:
    """The logarithm of each token's probability: ``log P_i = z_i/T - log sum_j exp(z_j/T)``.

    Shape of ``logits``, float64, finite or -inf. Raises ValueError for a temperature that is not
    a positive number, for NaN or +inf logits, and for a row that is all -inf.
    """
    # the best token at 0, so that nothing overflows: (..., vocab)
    shifted = _shifted(logits, temperature)
    # subtract the logarithm of each row's sum: (..., vocab) - (..., 1)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits, temperature: float = 1.0) -> np.ndarray:
    """Logits to probabilities: ``P_i = exp(z_i/T) / sum_j exp(z_j/T)``; each row sums to 1.

    Shape of ``logits``, float64. T -> 0 is ``greedy``. Raises the same errors as ``log_softmax``.

    >>> softmax([1, 3], temperature=0.5).round(2).tolist()
    [0.02, 0.98]
    """
    # the best token gets 1, all others less: (..., vocab)
    exponentials = np.exp(_shifted(logits, temperature))
    # divide by each row's sum: (..., vocab) / (..., 1)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def greedy(logits) -> np.ndarray:
    """The limit T -> 0 as a rule: probability 1 for the largest logit, the first one if tied."""
    logits = check_logits(logits)
    # the id of the best token in each row: (..., vocab) -> (..., 1)
    chosen = logits.argmax(axis=-1)[..., None]
    # 1 at that id, 0 at every other: (..., 1) -> (..., vocab)
    return (np.arange(logits.shape[-1]) == chosen).astype(np.float64)


def top_k(logits, k: int) -> np.ndarray:
    """Keep the k largest logits of each row, set the others to -inf: shape of ``logits``.

    Exactly k survive: of equal logits the earlier ones (transformers' TopKLogitsWarper keeps
    every tie). Raises ValueError unless ``1 <= k <= vocab``.
    """
    logits = check_logits(logits)
    vocab = logits.shape[-1]
    check_top_k(k, vocab, "the vocabulary")
    # the k-th largest logit of each row: (..., vocab) -> (..., 1)
    border = np.partition(logits, vocab - k, axis=-1)[..., vocab - k, None]
    # what is above it stays; there may be fewer than k of these
    above = logits > border
    # the places that are left go to the first logits equal to it, counted from the left
    free_places = k - above.sum(axis=-1, keepdims=True)
    tied = logits == border
    first_tied = tied & (tied.cumsum(axis=-1) <= free_places)
    return np.where(above | first_tied, logits, -np.inf)


def top_p(logits, p: float) -> np.ndarray:
    """Keep the most probable tokens whose probabilities together first reach p; others -inf.

    "Nucleus" sampling. The best token always stays. Apply the temperature before
    (``top_p(logits / T, p)``), as transformers does. Raises ValueError unless ``0 < p <= 1``.
    """
    logits = check_logits(logits)
    if check_top_p(p) == 1:
        return logits.copy()
    # ids of the tokens that are possible, few after a top-k: (..., few)
    few = (logits > -np.inf).sum(axis=-1).max()
    ids = np.argsort(logits == -np.inf, axis=-1, kind="stable")[..., :few]
    # from the best to the worst, of equal ones the earlier first
    ranks = np.argsort(-np.take_along_axis(logits, ids, axis=-1), axis=-1, kind="stable")
    ids = np.take_along_axis(ids, ranks, axis=-1)
    # their probabilities in this order
    ranked = softmax(np.take_along_axis(logits, ids, axis=-1))
    # what all better tokens have together; 0 for the best
    before = ranked.cumsum(axis=-1) - ranked
    # a token stays while these do not reach p; back from ranks to the vocabulary
    kept = np.zeros(logits.shape, dtype=bool)
    np.put_along_axis(kept, ids, before < p, axis=-1)
    return np.where(kept, logits, -np.inf)


def min_p(logits, p: float) -> np.ndarray:
    """Keep the tokens with at least ``p`` times the best token's probability; others -inf.

    The surer the model, the stricter the cut (Nguyen et al. 2024). Apply the temperature before
    (``min_p(logits / T, p)``), as transformers does. Raises ValueError unless ``0 <= p <= 1``.
    """
    logits = check_logits(logits)
    if not 0 <= p <= 1:
        raise ValueError(f"min_p must be from 0 to 1; got {p}")
    if p == 0:
        return logits.copy()
    # P_i >= p * P_best is the same as z_i >= z_best + log p
    border = logits.max(axis=-1, keepdims=True) + np.log(p)
    return np.where(logits >= border, logits, -np.inf)


def next_probabilities(logits, temperature: float = 1.0, **cuts) -> np.ndarray:
    """Probabilities (..., vocab) to draw from: temperature, then top-k, top-p and min-p.

    cuts: ``top_k``, ``top_p``, ``min_p``; what is left out cuts nothing. The order is that of
    transformers; ``top_k=1`` is greedy. Raises the same errors as the functions of these names.

    >>> next_probabilities([1, 3, 2], temperature=0.5, top_k=2).round(2).tolist()
    [0.0, 0.88, 0.12]
    """
    cut_by = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    if not cuts.keys() <= cut_by.keys():
        raise TypeError(f"unknown settings {sorted(cuts.keys() - cut_by.keys())}: use {[*cut_by]}")
    # logits at this temperature, as log-probabilities
    scaled = log_softmax(logits, temperature)
    for name, cut in cut_by.items():
        if cuts.get(name) is not None:
            scaled = cut(scaled, cuts[name])
    # what is left is a distribution again
    return softmax(scaled)


def entropy(probabilities) -> np.ndarray:
    """How open the choice is, in bits: ``H = - sum_i P_i log2 P_i``, shape ``(...)``.

    From 0 (one certain word) to log2(vocab) (all equally likely). Raises ValueError for
    probabilities that are negative, NaN, or do not sum to 1.
    """
    probabilities = check_probabilities(probabilities)
    # 0 log 0 counts as 0, so the logarithm is taken only where there is one
    logs = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    # the mean of -log2 P under P: (..., vocab) -> (...); + 0.0 turns -0.0 into 0.0
    return -(probabilities * logs).sum(axis=-1) + 0.0


def sample(probabilities, n: int = 1, rng: np.random.Generator | int | None = None) -> np.ndarray:
    """Draw n token ids from ``probabilities (vocab,)``: ``(n,)`` int64.

    ``rng`` is a numpy Generator or a seed. Raises the same errors as ``entropy``, and ValueError
    for n < 1.
    """
    probabilities = check_probabilities(probabilities)
    if probabilities.ndim != 1:
        raise ValueError(f"probabilities must be one row (vocab,); got {probabilities.shape}")
    check_at_least_1(n, "n")
    # each token owns a piece of the line from 0 to 1, as long as it is probable
    cumulated = probabilities.cumsum()
    # n random points on the line; times its end, which rounding puts a little off 1
    uniform = np.random.default_rng(rng).random(n) * cumulated[-1]
    # the token whose piece a point falls into: the first whose end lies behind it
    return np.searchsorted(cumulated, uniform, side="right").astype(np.int64)


def best_rows(scores: np.ndarray, top_k: int) -> np.ndarray:
    """Positions of the ``top_k`` largest of ``scores (n,)``, best first, ties by position."""
    # the k-th largest score, without sorting all n
    border = np.partition(scores, len(scores) - top_k)[len(scores) - top_k]
    # all that reach it; with ties these are more than k
    candidates = np.flatnonzero(scores >= border)
    # sort these few, then keep k of them: (candidates,) -> (k,)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:top_k]


def _shifted(logits, temperature: float) -> np.ndarray:
    """``(z - max z) / T``: 0 for the best token, so that no exponential overflows."""
    logits, temperature = check_logits(logits), check_temperature(temperature)
    with np.errstate(over="ignore"):  # a distance too large for float64 is -inf: probability 0
        return (logits - logits.max(axis=-1, keepdims=True)) / temperature
