"""Ways to search, compared: how good, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits


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

    groups: a label for each query and each text, right when equal. Both numbers are those of
    ``evaluation``. The time is that of one core for one query at a time, the least of 20. Raises
    ValueError when the bank holds nothing of a query's group.
    """
    groups, bank_groups = np.asarray(groups), np.asarray(bank_groups)
    # the ten best of each query, ties by place: (q, n) -> (q, 10); a copy, so that the rest can go
    nearest = np.argsort(-score(queries), axis=1, kind="stable")[:, :10].copy()
    right = bank_groups[nearest] == groups[:, None]
    # how many right answers there are: nDCG compares with all of them in the first places
    there = (groups[:, None] == bank_groups).sum(axis=1)
    if not there.all():
        raise ValueError("the bank holds nothing of some query's group: leave such queries out")
    worth = 1 / np.log2(np.arange(2, nearest.shape[1] + 2))
    best = worth.cumsum()[np.minimum(there, len(worth)) - 1]
    ndcg = (right @ worth / best).mean()
    return Judged(float(right[:, 0].mean()), float(ndcg), nearest, _milliseconds(score, queries))


def _milliseconds(score, queries: np.ndarray) -> float:
    """The least time of one query at a time, on one core, without what other programs take."""
    spent = []
    with threadpool_limits(1):
        for query in queries[:20]:
            start = time.perf_counter()
            score(query[None])
            spent.append(time.perf_counter() - start)
    return min(spent) * 1000
