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


def check_temperature(temperature: float) -> float:
    """The temperature as float; ValueError unless it is a finite number above 0."""
    # one number, also as an array or tensor without a dimension
    number = np.asarray(temperature)
    right = number.ndim == 0 and number.dtype.kind in "iuf"
    if not right or not np.isfinite(number) or number <= 0:
        raise ValueError(
            f"temperature must be a finite number above 0; got {temperature!r}. "
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
    logits = as_array(logits).astype(np.float64)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits must be (..., vocab) with at least one logit; got {logits.shape}")
    # the largest logit of each row; NaN where the row has one anywhere
    best = logits.max(axis=-1)
    if np.isnan(best).any():
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
    probabilities = as_array(probabilities).astype(np.float64)
    if probabilities.ndim == 0 or not (probabilities >= 0).all():
        raise ValueError("probabilities must be (..., vocab), none negative and none NaN")
    if not np.allclose(probabilities.sum(axis=-1), 1, atol=1e-4):
        raise ValueError("probabilities must sum to 1: apply softmax to logits first")
    return probabilities
