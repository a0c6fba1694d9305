"""How good are the vectors: rank correlation, accuracy, recall@k, MRR, nDCG@k.

Plain numpy, scores in [0, 1] (correlations in [-1, 1]); nothing here knows a model.
"""

from __future__ import annotations

import numpy as np

from course_utils.internal.checks import check_at_least_1
from course_utils.similarity import pairwise_cosine


def ranks(values) -> np.ndarray:
    """Ranks 1 … n of ``values (n,)``, float64; equal values share the mean of their ranks.

    >>> ranks([10, 30, 10]).tolist()
    [1.5, 3.0, 1.5]
    """
    values = _checked(values, "values")
    # the different values in order, how often each appears, and which one each entry is
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    # the last rank that each different value takes, and the middle of its ranks
    last = counts.cumsum()
    middle = last - (counts - 1) / 2
    # back to the entries: (n,)
    return middle[inverse]


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
    # how far each value is from the mean of its side: (n,)
    x, y = x - x.mean(), y - y.mean()
    # the scale does not matter: make the largest 1, so that squares stay finite
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    # the cosine of the two sides
    correlation = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    # rounding can give 1.0000000000000002
    return float(np.clip(correlation, -1, 1))


def spearman(x, y) -> float:
    """Spearman's rank correlation (1904): Pearson's, of the ranks.

    Raises the same errors as ``pearson``.
    """
    return pearson(ranks(x), ranks(y))


def bootstrap_interval(
    statistic, *columns, n: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron 1979) of ``statistic(*columns)``, rows drawn together.

    A draw for which the statistic is not defined, such as a correlation of equal values, is drawn
    again. Raises ValueError for empty or unequally long columns, when the statistic is not defined
    for the columns themselves, and when it is for fewer than one draw in ten.
    """
    columns = [np.asarray(column) for column in columns]
    lengths = sorted({column.shape[:1] for column in columns})
    if len(lengths) != 1 or lengths[0] in ((), (0,)):
        shown = [length[0] if length else "no list" for length in lengths]
        raise ValueError(f"columns must be equally long and not empty; got {shown}")
    if n < 1 or not 0 < level < 1:
        raise ValueError(f"n must be 1 or more and level between 0 and 1; got {n}, {level}")
    # an error about the reader's own data comes from here
    if np.isnan(statistic(*columns)):
        raise ValueError("the statistic of these columns is NaN: an interval is not defined")
    draws = _draws(statistic, columns, n, np.random.default_rng(seed))
    # the middle part of all draws: cut off the same share on both sides
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draws(statistic, columns: list[np.ndarray], n: int, rng: np.random.Generator) -> list[float]:
    """``n`` values of the statistic, each of as many rows as there are, drawn with replacement."""
    size = len(columns[0])
    found: list[float] = []
    for _ in range(10):
        # n draws of row numbers, some of them twice: (n, size)
        for rows in rng.integers(size, size=(n, size)):
            try:
                value = statistic(*(column[rows] for column in columns))
            except ValueError:
                continue
            if not np.isnan(value):
                found.append(value)
            if len(found) == n:
                return found
    raise ValueError(
        f"{size} rows are too few: the statistic is defined for {len(found)} of {10 * n} draws"
    )


def accuracy(predicted, gold) -> float:
    """Share of equal entries of two equally long lists, in [0, 1]: NLI accuracy, among others.

    Raises ValueError for unequal lengths, no or missing labels, and names compared with numbers.
    """
    predicted, gold = np.asarray(predicted), np.asarray(gold)
    if predicted.shape != gold.shape or predicted.size == 0 or predicted.ndim == 0:
        raise ValueError(f"need two equally long lists; got {predicted.shape} and {gold.shape}")
    # numpy calls "1" and 1 different, and would say nothing
    if (predicted.dtype.kind in "US") != (gold.dtype.kind in "US"):
        raise ValueError("one list holds names, the other numbers: use the same labels in both")
    # NaN is not equal to itself
    if any(label is None or label != label for label in [*predicted.flat, *gold.flat]):
        raise ValueError("a label is missing (NaN or None): leave such rows out")
    return float((predicted == gold).mean())


def triplet_accuracy(anchor, positive, negative) -> float:
    """Share of triplets, rows of three ``(n, d)`` arrays, with cos(a, p) > cos(a, n).

    Ties count as wrong. Raises ValueError for unequal shapes or no triplets.
    """
    # for each triplet, is the positive closer? (n, d) -> (n,)
    right = pairwise_cosine(anchor, positive) > pairwise_cosine(anchor, negative)
    return accuracy(right, np.ones_like(right))


def rank_of_first_hit(similarities, bank_groups, query_groups) -> np.ndarray:
    """Rank (1 = best) of the first right answer of each query: ``(q,)`` int64.

    similarities: ``(q, n)``, queries by bank entries; groups: one label for each, right when
    equal. Ties go to the earlier bank entry. Raises ValueError for shapes that do not fit, NaN, or
    a query whose group the bank does not hold.
    """
    # the place of the first right one, counted from 1: (q, n) -> (q,)
    return _right_in_order(similarities, bank_groups, query_groups).argmax(axis=1) + 1


def ndcg_at_k(similarities, bank_groups, query_groups, k: int = 10) -> float:
    """How far up all right answers are among the best k, in [0, 1] (Järvelin & Kekäläinen 2002).

    A right answer at place i counts 1 / log2(i + 1): 1, 0.63, 0.5, … The sum is divided by that of
    the best order, in which all right answers come first. Raises ValueError for k < 1, and the
    same errors as ``rank_of_first_hit``.
    """
    check_at_least_1(k, "k")
    # the bank in each query's order: is that entry a right answer? (q, n)
    right = _right_in_order(similarities, bank_groups, query_groups)
    # what a right answer counts at place 1, 2, …, k: (k,), or (n,) in a smaller bank
    worth = 1 / np.log2(np.arange(2, min(k, right.shape[1]) + 2))
    # in this order, and in the best one: (q, k) @ (k,) -> (q,)
    gained = right[:, : len(worth)] @ worth
    best = worth.cumsum()[np.minimum(right.sum(axis=1), len(worth)) - 1]
    return float((gained / best).mean())


def _right_in_order(similarities, bank_groups, query_groups) -> np.ndarray:
    """For each query the bank from the closest to the farthest: is it right? ``(q, n)`` bool."""
    similarities = np.asarray(similarities)
    bank_groups, query_groups = np.asarray(bank_groups), np.asarray(query_groups)
    if similarities.shape != (len(query_groups), len(bank_groups)):
        raise ValueError(
            f"similarities must be (queries, bank) = ({len(query_groups)}, {len(bank_groups)}); "
            f"got {similarities.shape}"
        )
    if np.isnan(similarities).any():
        raise ValueError("similarities hold NaN: look at what produced them")
    # for each query the bank entries from the closest to the farthest: (q, n)
    order = np.argsort(-similarities, axis=1, kind="stable")
    # is that entry a right answer? (q, n)
    right = np.take_along_axis(query_groups[:, None] == bank_groups, order, axis=1)
    if not right.any(axis=1).all():
        missing = query_groups[~right.any(axis=1)].tolist()[0]
        raise ValueError(f"the bank holds nothing of group {missing!r}: leave such queries out")
    return right


def recall_at_k(hits, k: int) -> float:
    """Share of queries whose first right answer (``rank_of_first_hit``) is among the best k.

    Raises ValueError for k < 1, no queries, or what is no rank.
    """
    check_at_least_1(k, "k")
    return float((_checked_hits(hits) <= k).mean())


def mrr(hits) -> float:
    """Mean reciprocal rank: the mean of 1/rank of the first right answers (Voorhees 1999).

    Raises ValueError for no queries or what is no rank.
    """
    return float((1 / _checked_hits(hits)).mean())


def _checked(values, name: str) -> np.ndarray:
    """``values`` as float64 ``(n,)``; ValueError for another shape, NaN and infinity."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"{name} must be a list of numbers without NaN or infinity; got shape {values.shape}"
        )
    return values


def _checked_hits(hits) -> np.ndarray:
    """Ranks as an array; ValueError unless there are some, and each is 1, 2, 3, …"""
    hits = np.asarray(hits)
    if hits.size == 0:
        raise ValueError("no queries: a mean over none is not defined")
    if hits.ndim != 1 or hits.dtype.kind not in "iuf" or not (hits >= 1).all() or (hits % 1).any():
        raise ValueError("ranks must be a list of whole numbers from 1, see rank_of_first_hit")
    return hits
