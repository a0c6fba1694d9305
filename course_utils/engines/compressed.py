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


def rescored(
    rough: np.ndarray, queries: np.ndarray, bank: np.ndarray, keep: int = 40
) -> np.ndarray:
    """Exact scores of the ``keep`` texts that are best in ``rough (q, n)``; -1 for the others.

    queries ``(q, d)``, bank ``(n, d)``: normalised vectors. Ties in ``rough`` go to the earlier
    text. Returns ``(q, n)``. Raises ValueError for keep < 1 and for shapes that do not fit.
    """
    if rough.shape != (len(queries), len(bank)) or keep < 1:
        sizes = f"rough {rough.shape}, {len(queries)} queries, {len(bank)} texts, keep {keep}"
        raise ValueError(f"rough must be (queries, texts), and keep 1 or more; got {sizes}")
    scores = np.full(rough.shape, -1.0, np.float32)
    for found, quick, query in zip(scores, rough, queries, strict=True):
        # the quick scores choose, and the exact ones order what was chosen: (keep, d) @ (d,)
        picked = np.argsort(-quick, kind="stable")[:keep]
        found[picked] = bank[picked] @ query
    return scores
