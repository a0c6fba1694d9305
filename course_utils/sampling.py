"""From logits to a choice: soft-max with temperature, top-k, top-p, entropy, sampling.

Everything works on numpy arrays, one row of ``logits (..., vocab)`` at a time along the last
axis; a logit of ``-inf`` means "impossible". Probabilities come back in float64. Sources:
temperature, Ackley, Hinton & Sejnowski 1985; top-k, Fan et al. 2018; top-p, Holtzman et al. 2020.
"""

from __future__ import annotations

import numpy as np

from course_utils.internal.checks import check_top_k


def log_softmax(logits, temperature: float = 1.0) -> np.ndarray:
    """``log P_i = z_i/T - log sum_j exp(z_j/T)``: shape of ``logits``, float64, finite or -inf.

    The maximum is subtracted first, so nothing overflows. Raises ValueError for a temperature
    that is not a positive number, for NaN or +inf logits, and for a row that is all -inf.
    """
    shifted = _shifted(logits, temperature)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits, temperature: float = 1.0) -> np.ndarray:
    """``P_i = exp(z_i/T) / sum_j exp(z_j/T)``: shape of ``logits``, float64, rows sum to 1.

    Three passes over the row: its maximum, the sum of exponentials, the division.
    T -> 0 is ``greedy``. Raises as ``log_softmax``.

    >>> softmax([1, 3], temperature=0.5).round(2).tolist()
    [0.02, 0.98]
    """
    exponentials = np.exp(_shifted(logits, temperature))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def greedy(logits) -> np.ndarray:
    """The limit T -> 0 as a rule: probability 1 for the largest logit, the first one if tied."""
    logits = check_logits(logits)
    chosen = logits.argmax(axis=-1)[..., None]
    return (np.arange(logits.shape[-1]) == chosen).astype(np.float64)


def top_k(logits, k: int) -> np.ndarray:
    """Keep the k largest logits of each row, set the others to -inf: shape of ``logits``.

    Exactly k survive: of equal logits the earlier ones (transformers' TopKLogitsWarper keeps
    every tie). Raises ValueError unless ``1 <= k <= vocab``.
    """
    logits = check_logits(logits)
    vocab = logits.shape[-1]
    check_top_k(k, vocab, "the vocabulary")
    border = np.partition(logits, vocab - k, axis=-1)[..., vocab - k, None]
    above, tied = logits > border, logits == border
    room = k - above.sum(axis=-1, keepdims=True)
    return np.where(above | (tied & (tied.cumsum(axis=-1) <= room)), logits, -np.inf)


def top_p(logits, p: float) -> np.ndarray:
    """Keep the most probable tokens whose probabilities together first reach p; others -inf.

    "Nucleus" sampling. The best token always stays. Apply the temperature before
    (``top_p(logits / T, p)``), as transformers does. Raises ValueError unless ``0 < p <= 1``.
    """
    logits = check_logits(logits)
    if check_top_p(p) == 1:
        return logits.copy()
    order = np.argsort(-logits, axis=-1, kind="stable")
    ranked = np.take_along_axis(softmax(logits), order, axis=-1)
    before = ranked.cumsum(axis=-1) - ranked  # mass of all better tokens
    kept = np.empty(logits.shape, dtype=bool)
    np.put_along_axis(kept, order, before < p, axis=-1)
    return np.where(kept, logits, -np.inf)


def kept_tokens(
    logits, temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Temperature, top-k and top-p at once: ids ``(m,)`` of what stays, and its probabilities.

    Equal to ``softmax(top_p(top_k(logits, k) / T, p))`` for one row ``(vocab,)``, most probable
    first, but everything after the selection works on the k best only, and nothing is sorted
    that top-k throws away. Draw with ``ids[sample(probabilities)]``. Raises as the three.

    >>> ids, probabilities = kept_tokens([1, 3, 2, 0], temperature=0.5, top_k=2)
    >>> ids.tolist(), probabilities.round(2).tolist()
    ([1, 2], [0.88, 0.12])
    """
    logits = check_logits(logits)
    if logits.ndim != 1:
        raise ValueError(f"logits must be one row (vocab,); got {logits.shape}")
    k = len(logits) if top_k is None else check_top_k(top_k, len(logits), "the vocabulary")
    p, border = check_top_p(top_p), np.partition(logits, len(logits) - k)[len(logits) - k]
    ids = np.flatnonzero(logits >= border)
    ids = ids[np.argsort(-logits[ids], kind="stable")][:k]
    probabilities = softmax(logits[ids], temperature)
    if p < 1:
        before = probabilities.cumsum() - probabilities  # mass of all better tokens
        probabilities = probabilities[before < p]
    probabilities = probabilities[probabilities > 0]
    return ids[: len(probabilities)], probabilities / probabilities.sum()


def entropy(probabilities) -> np.ndarray:
    """``H = - sum_i P_i log2 P_i`` in bits, shape ``(...)``; 0 log 0 counts as 0.

    From 0 (one certain word) to log2(vocab) (all alike). Raises ValueError for probabilities
    that are negative, NaN, or do not sum to 1.
    """
    probabilities = check_probabilities(probabilities)
    logs = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return -(probabilities * logs).sum(axis=-1) + 0.0  # + 0.0: no "-0.0"


def sample(probabilities, n: int = 1, rng: np.random.Generator | int | None = None) -> np.ndarray:
    """Draw n token ids from ``probabilities (vocab,)``: ``(n,)`` int64.

    ``rng`` is a numpy Generator or a seed. Inverse-CDF: the first id whose cumulated
    probability exceeds a uniform number. Raises ValueError as ``entropy`` and for n < 1.
    """
    probabilities = check_probabilities(probabilities)
    if probabilities.ndim != 1:
        raise ValueError(f"probabilities must be one row (vocab,); got {probabilities.shape}")
    if n < 1:
        raise ValueError(f"n must be at least 1; got {n}")
    cumulated = probabilities.cumsum()
    uniform = np.random.default_rng(rng).random(n) * cumulated[-1]
    return np.searchsorted(cumulated, uniform, side="right").astype(np.int64)


def check_temperature(temperature: float) -> float:
    """The temperature as float; ValueError unless it is a finite number above 0."""
    if not np.isscalar(temperature) or not np.isfinite(temperature) or temperature <= 0:
        raise ValueError(
            f"temperature must be a finite number above 0; got {temperature}. "
            "For the limit T -> 0 use greedy(logits)"
        )
    return float(temperature)


def check_top_p(p: float) -> float:
    """p itself; ValueError unless ``0 < p <= 1``."""
    if not 0 < p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1; got {p}")
    return p


def check_logits(logits) -> np.ndarray:
    """The logits as float64 ``(..., vocab)``; ValueError says what is wrong and where."""
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits must be (..., vocab) with at least one logit; got {logits.shape}")
    best = logits.max(axis=-1)
    if np.isnan(best).any():  # a NaN anywhere in a row makes its maximum NaN
        raise ValueError(
            f"logits hold NaN (first at index {np.argwhere(np.isnan(logits))[0].tolist()}): "
            "look at what produced them"
        )
    if (best == np.inf).any():
        raise ValueError("logits hold +inf: soft-max has no answer; look at what produced them")
    if (best == -np.inf).any():
        raise ValueError("all logits are -inf: every token is forbidden; allow at least one")
    return logits


def check_probabilities(probabilities) -> np.ndarray:
    """The probabilities as float64 ``(..., vocab)``; ValueError unless rows are distributions."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim == 0 or not (probabilities >= 0).all():
        raise ValueError("probabilities must be (..., vocab), none negative and none NaN")
    if not np.allclose(probabilities.sum(axis=-1), 1, atol=1e-4):
        raise ValueError("probabilities must sum to 1: apply softmax to logits first")
    return probabilities


def _shifted(logits, temperature: float) -> np.ndarray:
    """``(z - max z) / T``: 0 for the best token, so that no exponential overflows."""
    logits, temperature = check_logits(logits), check_temperature(temperature)
    with np.errstate(over="ignore"):  # a distance too large for float64 is -inf: probability 0
        return (logits - logits.max(axis=-1, keepdims=True)) / temperature


def best_rows(scores: np.ndarray, top_k: int) -> np.ndarray:
    """Positions of the ``top_k`` largest of ``scores (n,)``, best first, ties by position."""
    border = np.partition(scores, len(scores) - top_k)[len(scores) - top_k]
    candidates = np.flatnonzero(scores >= border)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:top_k]
