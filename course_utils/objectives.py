"""The three training objectives of Sentence-BERT, and the one the field took next.

Each takes sentence vectors of the *same* encoder (the siamese network is one network called
twice) and returns the mean loss of the batch, a scalar tensor with a gradient. Vectors are
``(b, d)`` float tensors. Source: Reimers & Gurevych 2019, section 3; in-batch negatives:
Henderson et al. 2017, section 4.4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

NLI_PARTS = ("u", "v", "|u-v|")


def nli_features(u: Tensor, v: Tensor, parts: tuple[str, ...] = NLI_PARTS) -> Tensor:
    """``(u, v, |u - v|)`` side by side: ``(b, len(parts) * d)``; also knows the part ``u*v``.

    Raises ValueError for an unknown part or vectors of different shapes.
    """
    _check_same_shape(u, v)
    made = {"u": u, "v": v, "|u-v|": (u - v).abs(), "u*v": u * v}
    if unknown := [part for part in parts if part not in made]:
        raise ValueError(f"unknown parts {unknown}; choose among {list(made)}")
    return torch.cat([made[part] for part in parts], dim=1)


def nli_head(dim: int, n_labels: int = 3, parts: tuple[str, ...] = NLI_PARTS) -> torch.nn.Linear:
    """The classifier ``W`` of the NLI objective, without bias: ``len(parts) * dim -> n_labels``.

    It is only needed in training, and thrown away afterwards.
    """
    return torch.nn.Linear(len(parts) * dim, n_labels, bias=False)


def nli_loss(
    u: Tensor, v: Tensor, labels: Tensor, head: torch.nn.Linear, parts=NLI_PARTS
) -> Tensor:
    """Soft-max classification: ``cross_entropy(W (u, v, |u - v|), label)``, in nats.

    labels: ``(b,)`` int64. Raises ValueError as ``nli_features``.
    """
    return cross_entropy(head(nli_features(u, v, parts)), labels)


def sts_loss(u: Tensor, v: Tensor, scores: Tensor) -> Tensor:
    """Regression: ``mean((cos(u, v) - score)^2)``, scores ``(b,)`` scaled to [0, 1].

    Raises ValueError when a score lies outside [-1, 1] (divide a 0-5 scale by 5 first), and for
    another number of scores than pairs.
    """
    _check_same_shape(u, v)
    if scores.shape != u.shape[:1]:  # broadcasting would compare every pair with every score
        raise ValueError(f"give one score for each pair, ({len(u)},); got {tuple(scores.shape)}")
    if scores.numel() and scores.abs().max() > 1:
        raise ValueError("scores must be cosines: divide a 0-5 scale by 5 first")
    return ((cosine_similarity(u, v) - scores) ** 2).mean()


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """``mean(max(|a - p| - |a - n| + margin, 0))``, Euclidean; the paper's margin is 1.

    Zero as soon as the negative is farther than the positive by the margin. Raises ValueError
    for a negative margin or vectors of different shapes.
    """
    _check_same_shape(anchor, positive)
    _check_same_shape(anchor, negative)
    if margin < 0:
        raise ValueError(f"margin must be 0 or more; got {margin}")
    pull, push = (anchor - positive).norm(dim=1), (anchor - negative).norm(dim=1)
    return (pull - push + margin).clamp(min=0).mean()


def in_batch_loss(anchor: Tensor, positive: Tensor, scale: float = 20.0) -> Tensor:
    """In-batch negatives ("multiple negatives ranking"): each anchor must find its own positive.

    ``cross_entropy(scale * cos(a_i, p_j), i)``: every other positive of the batch is a negative,
    so two rows of one batch must not mean the same. Raises ValueError for unequal shapes.
    """
    _check_same_shape(anchor, positive)
    cosines = cosine_similarity(anchor[:, None], positive[None], dim=2)
    return cross_entropy(scale * cosines, torch.arange(len(anchor), device=anchor.device))


def _check_same_shape(u: Tensor, v: Tensor) -> None:
    if u.ndim != 2 or u.shape != v.shape:
        raise ValueError(
            f"sentence vectors must both be (batch, dim); got {tuple(u.shape)} and {tuple(v.shape)}"
        )
