"""Ties in a search that is asked for a number of hits: the earlier text must win."""

from __future__ import annotations

import numpy as np

NOISE = 2e-6  # scores this close may be equal, once rounded to 6 decimals


def search_with_ties(look, queries: np.ndarray, top_k: int, n: int) -> list:
    """For each query the ids and scores of its ``top_k`` best, and of all that are tied with them.

    ``look(queries, wanted)`` gives ids and scores, best first, for each query. Where the last
    one found is tied with the ``top_k``-th, others may be tied, too: it is asked again for four
    times as many, up to ``n``.
    """
    found = [None] * len(queries)
    left = list(range(len(queries)))
    wanted = min(top_k + 1, n)
    while left:
        for place, answer in zip(left, look(queries[left], wanted), strict=True):
            found[place] = answer
        if wanted == n:
            break
        left = [place for place in left if _open_end(found[place][1], top_k)]
        wanted = min(4 * wanted, n)
    return found


def _open_end(scores: np.ndarray, top_k: int) -> bool:
    # fewer than top_k: an approximate search found no more
    scores = np.sort(scores)
    return len(scores) > top_k and scores[0] >= scores[-top_k] - NOISE
