"""Checks of a reader's numbers that several lessons share."""

from __future__ import annotations

import numpy as np


def check_top_k(top_k: int, n: int, what: str) -> int:
    """``top_k`` itself; ValueError unless it is a whole number from 1 to ``n``.

    what: what there are ``n`` of, for the message.
    """
    whole = isinstance(top_k, int | np.integer) and not isinstance(top_k, bool)
    if not whole or not 1 <= top_k <= n:
        raise ValueError(f"top_k must be a whole number from 1 to {n} ({what}); got {top_k}")
    return top_k
