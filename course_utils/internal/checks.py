"""Checks of what a reader hands in, shared by several lessons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def as_array(values) -> np.ndarray:
    """``values`` as an array; tensors in bfloat16 too, for which numpy has no type."""
    if str(getattr(values, "dtype", "")) == "torch.bfloat16":
        values = values.float()
    return np.asarray(values)


def check_strings(texts: Sequence[str]) -> list[str]:
    """``texts`` as a list; TypeError unless they are strings, which may be empty here."""
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{i}] is {type(text).__name__}, not a string: {text!r}")
    return texts


def check_top_k(top_k: int, n: int, what: str) -> int:
    """``top_k`` itself; ValueError unless it is a whole number from 1 to ``n``.

    what: what there are ``n`` of, for the message.
    """
    whole = isinstance(top_k, int | np.integer) and not isinstance(top_k, bool)
    if not whole or not 1 <= top_k <= n:
        raise ValueError(f"top_k must be a whole number from 1 to {n} ({what}); got {top_k}")
    return top_k


def check_at_least_1(value: int, name: str) -> None:
    """ValueError, which names the setting, unless it is a whole number, 1 or more."""
    if not value >= 1:
        raise ValueError(f"{name} must be at least 1; got {value}")
    if value % 1:
        raise ValueError(f"{name} must be a whole number; got {value}")
