"""The three training objectives of Sentence-BERT, and the one the field took next.

Each takes sentence vectors of the *same* encoder (the siamese network is one network called
twice) and returns the mean loss of the batch, a scalar tensor with a gradient. Vectors are
``(b, d)`` float tensors. Source: Reimers & Gurevych 2019, section 3; in-batch negatives:
Henderson et al. 2017, section 4.4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

NLI_PARTS = ("u", "v", "|u-v|")


def nli_features(u: Tensor, v: Tensor, parts: tuple[str, ...] = NLI_PARTS) -> Tensor:
    """``(u, v, |u - v|)`` side by side: ``(b, len(parts) * d)``; also knows the part ``u*v``.

    Raises ValueError for an unknown part or vectors of different shapes.
    """
    _check_same_shape(u, v)
    # every part is (b, d)
    made = {"u": u, "v": v, "|u-v|": (u - v).abs(), "u*v": u * v}
    if unknown := [part for part in parts if part not in made]:
        raise ValueError(f"unknown parts {unknown}; choose among {list(made)}")
    # put the chosen parts side by side: (b, d) each -> (b, len(parts) * d)
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

    labels: ``(b,)`` int64. Raises the same errors as ``nli_features``.
    """
    # what the classifier sees of each pair: (b, d) twice -> (b, 3d)
    features = nli_features(u, v, parts)
    # one number for each label: (b, 3d) -> (b, 3)
    logits = head(features)
    # the probability of the right label, as a loss: (b, 3) -> ()
    return cross_entropy(logits, labels)


def sts_loss(u: Tensor, v: Tensor, scores: Tensor) -> Tensor:
    """Regression: ``mean((cos(u, v) - score)^2)``, scores ``(b,)`` scaled to [0, 1].

    Raises ValueError when a score is outside [-1, 1] (divide a 0-5 scale by 5 first), and for
    another number of scores than pairs.
    """
    _check_same_shape(u, v)
    if scores.shape != u.shape[:1]:  # broadcasting would compare every pair with every score
        raise ValueError(f"give one score for each pair, ({len(u)},); got {tuple(scores.shape)}")
    if not (scores.abs() <= 1).all():
        raise ValueError("scores must be cosines: divide a 0-5 scale by 5 first")
    # how close each pair is now: (b, d) twice -> (b,)
    cosines = cosine_similarity(u, v)
    # how far that is from the grade, squared and averaged: (b,) -> ()
    return ((cosines - scores) ** 2).mean()


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """``mean(max(|a - p| - |a - n| + margin, 0))``, Euclidean; the paper's margin is 1.

    Zero as soon as the negative is farther than the positive by the margin. Raises ValueError
    for a negative margin or vectors of different shapes.
    """
    _check_same_shape(anchor, positive)
    _check_same_shape(anchor, negative)
    if not margin >= 0:
        raise ValueError(f"margin must be 0 or more; got {margin}")
    # the two distances of each anchor: (b, d) -> (b,)
    to_positive = (anchor - positive).norm(dim=1)
    to_negative = (anchor - negative).norm(dim=1)
    # what is missing until the negative is far enough; nothing is missing below 0
    missing = (to_positive - to_negative + margin).clamp(min=0)
    return missing.mean()


def in_batch_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor | None = None, scale: float = 20.0
) -> Tensor:
    """In-batch negatives ("multiple negatives ranking"): each anchor must find its own positive.

    ``cross_entropy(scale * cos(a_i, c_j), i)``, where the candidates ``c`` are the positives of
    the whole batch, so that the positive of every other row is a negative. ``negative (b, d)``
    adds one hard negative for each row, and all rows see all of them. Two rows of one batch must
    not mean the same. Raises ValueError for unequal shapes and a scale that is not above 0.
    """
    _check_same_shape(anchor, positive)
    if not scale > 0:
        raise ValueError(f"scale must be more than 0; got {scale}")
    # all that an anchor may choose from: (b, d), with hard negatives (2b, d)
    candidates = positive
    if negative is not None:
        _check_same_shape(anchor, negative)
        candidates = torch.cat([positive, negative])
    # cosines of every anchor with every candidate, one product of unit vectors: (b, b) or (b, 2b)
    cosines = normalize(anchor, dim=1) @ normalize(candidates, dim=1).T
    # the right candidate of row i is number i
    own = torch.arange(len(anchor), device=anchor.device)
    return cross_entropy(scale * cosines, own)


def _check_same_shape(u: Tensor, v: Tensor) -> None:
    """Raise ValueError unless both are ``(b, d)``, with the same ``b`` and ``d``."""
    for vectors in (u, v):
        if not isinstance(vectors, Tensor):
            raise ValueError(f"sentence vectors must be tensors (batch, dim); got {vectors!r}")
    if u.ndim != 2 or u.shape != v.shape:
        raise ValueError(
            f"sentence vectors must both be (batch, dim); got {tuple(u.shape)} and {tuple(v.shape)}"
        )
