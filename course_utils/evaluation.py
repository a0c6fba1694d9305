"""How good are the vectors: rank correlation, accuracy, recall@k, MRR.

Plain numpy, scores in [0, 1] (correlations in [-1, 1]); nothing here knows a model.
"""

from __future__ import annotations

import numpy as np


def ranks(values) -> np.ndarray:
    """Ranks 1 … n of ``values (n,)``, float64; equal values share the mean of their ranks.

    >>> ranks([10, 30, 10]).tolist()
    [1.5, 3.0, 1.5]
    """
    values = _checked(values, "values")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return (last - (counts - 1) / 2)[inverse]


def pearson(x, y) -> float:
    """Pearson's correlation of ``x (n,)`` and ``y (n,)``.

    Raises ValueError for unequal lengths, fewer than 2 values, NaN or infinity, or a constant side.
    """
    x, y = _checked(x, "x"), _checked(y, "y")
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"correlation needs two equally long lists of 2 or more; got {len(x)}, {len(y)}"
        )
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("one side is constant: a correlation is not defined")
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # so that squares stay finite
    return float(np.clip((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()), -1, 1))


def spearman(x, y) -> float:
    """Spearman's rank correlation (1904): Pearson's, of the ranks. Raises as ``pearson``."""
    return pearson(ranks(x), ranks(y))


def bootstrap_interval(
    statistic, *columns, n: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron 1979) of ``statistic(*columns)``, rows drawn together.

    Raises ValueError for empty or unequally long columns.
    """
    columns = [np.asarray(column) for column in columns]
    lengths = sorted({len(column) for column in columns})
    if len(lengths) != 1 or lengths == [0]:
        raise ValueError(f"columns must be equally long and not empty; got {lengths}")
    rng, size = np.random.default_rng(seed), len(columns[0])
    draws = [statistic(*(c[rows] for c in columns)) for rows in rng.integers(size, size=(n, size))]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def accuracy(predicted, gold) -> float:
    """Share of equal entries of two equally long lists, in [0, 1]: NLI accuracy, among others.

    Raises ValueError for unequal lengths or empty lists.
    """
    predicted, gold = np.asarray(predicted), np.asarray(gold)
    if predicted.shape != gold.shape or predicted.size == 0:
        raise ValueError(f"need two equally long lists; got {predicted.shape} and {gold.shape}")
    return float((predicted == gold).mean())


def triplet_accuracy(anchor, positive, negative) -> float:
    """Share of triplets, rows of three ``(n, d)`` arrays, with cos(a, p) > cos(a, n).

    Ties count as wrong. Raises ValueError for unequal shapes or no triplets.
    """
    from course_utils.similarity import pairwise_cosine

    right = pairwise_cosine(anchor, positive) > pairwise_cosine(anchor, negative)
    return accuracy(right, np.ones_like(right))


def rank_of_first_hit(similarities, bank_groups, query_groups) -> np.ndarray:
    """Rank (1 = best) of the first right answer of each query: ``(q,)`` int64.

    similarities: ``(q, n)``, queries by bank entries; groups: one label for each, right when
    equal. Ties go to the earlier bank entry. Raises ValueError for shapes that do not fit or a
    query whose group the bank does not hold.
    """
    similarities = np.asarray(similarities)
    bank_groups, query_groups = np.asarray(bank_groups), np.asarray(query_groups)
    if similarities.shape != (len(query_groups), len(bank_groups)):
        raise ValueError(
            f"similarities must be (queries, bank) = ({len(query_groups)}, {len(bank_groups)}); "
            f"got {similarities.shape}"
        )
    order = np.argsort(-similarities, axis=1, kind="stable")
    right = bank_groups[order] == query_groups[:, None]
    if not right.any(axis=1).all():
        missing = query_groups[~right.any(axis=1)].tolist()[0]
        raise ValueError(f"the bank holds nothing of group {missing!r}: leave such queries out")
    return right.argmax(axis=1) + 1


def recall_at_k(hits, k: int) -> float:
    """Share of queries whose first right answer (``rank_of_first_hit``) is among the best k.

    Raises ValueError for k < 1 or no queries.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}")
    return float((_checked_hits(hits) <= k).mean())


def mrr(hits) -> float:
    """Mean reciprocal rank: the mean of 1/rank of the first right answers (Voorhees 1999).

    Raises ValueError for no queries.
    """
    return float((1 / _checked_hits(hits)).mean())


def _checked(values, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"{name} must be a list of numbers without NaN or infinity; got shape {values.shape}"
        )
    return values


def _checked_hits(hits) -> np.ndarray:
    hits = np.asarray(hits)
    if hits.size == 0:
        raise ValueError("no queries: a mean over none is not defined")
    return hits
