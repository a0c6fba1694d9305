"""Ways to search, compared: how good, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from course_utils import evaluation


class Judged(NamedTuple):
    """One way to search: two numbers, the ten nearest texts ``(q, 10)``, milliseconds a query."""

    recall: float
    ndcg: float
    nearest: np.ndarray
    milliseconds: float


def judge(
    score: Callable[[np.ndarray], np.ndarray], queries: np.ndarray, groups, bank_groups
) -> Judged:
    """Recall@1 and nDCG@10 of ``score(queries (q, d)) -> scores (q, n)``, and its time.

    groups: a label for each query and each text, right when equal. The time is that of one
    core for one query at a time, the least of 20. Raises the same errors as
    ``evaluation.ndcg_at_k``.
    """
    scores = score(queries)
    ndcg = evaluation.ndcg_at_k(scores, bank_groups, groups, k=10)
    # the ten best of each query, ties by place: (q, n) -> (q, 10); a copy, so that the rest can go
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :10].copy()
    recall = evaluation.accuracy(np.asarray(bank_groups)[nearest[:, 0]], groups)
    return Judged(recall, ndcg, nearest, _milliseconds(score, queries))


def _milliseconds(score, queries: np.ndarray) -> float:
    """The least time of one query at a time, on one core, without what other programs take."""
    spent = []
    with threadpool_limits(1):
        for query in queries[:20]:
            start = time.perf_counter()
            score(query[None])
            spent.append(time.perf_counter() - start)
    return min(spent) * 1000
