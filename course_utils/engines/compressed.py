"""Searching with short vectors: one bit a number, and a second look at the best."""

from __future__ import annotations

import numpy as np


def hamming_distances(queries: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """How many bits differ between ``(q, b)`` and ``(n, b)`` packed bits (uint8): ``(q, n)`` int.

    Raises ValueError for other types and for rows of unequal length.

    >>> hamming_distances(np.array([[0b1100]], np.uint8), np.array([[0b1010]], np.uint8)).item()
    2
    """
    if queries.dtype != np.uint8 or bank.dtype != np.uint8:
        raise ValueError(f"packed bits are uint8; got {queries.dtype} and {bank.dtype}")
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1]:
        raise ValueError(f"rows of equal length are needed; got {queries.shape} and {bank.shape}")
    # XOR leaves a 1 where two bits differ; count them, a query at a time: (n, b) -> (n,)
    rows = [np.bitwise_count(query ^ bank).sum(axis=1, dtype=np.int64) for query in queries]
    return np.array(rows, np.int64).reshape(len(queries), len(bank))


def rescored(rough: np.ndarray, exact: np.ndarray, keep: int = 40) -> np.ndarray:
    """``exact`` scores ``(q, n)`` of the ``keep`` texts that are best in ``rough``; -1 elsewhere.

    So the quick scores choose, and the exact ones order what was chosen. Ties in ``rough`` go to
    the earlier text. Raises ValueError unless both have one shape and ``keep`` is 1 or more.
    """
    if rough.shape != exact.shape or keep < 1:
        raise ValueError(f"two (q, n) and keep >= 1; got {rough.shape}, {exact.shape}, {keep}")
    picked = np.argsort(-rough, axis=1, kind="stable")[:, :keep]  # (q, keep)
    scores = np.full(rough.shape, -1.0)
    np.put_along_axis(scores, picked, np.take_along_axis(exact, picked, axis=1), axis=1)
    return scores
