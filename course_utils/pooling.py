"""From one vector per token to one vector per sentence: mean, CLS and max pooling.

All three take ``token_embeddings (b, t, d)`` float and ``attention_mask (b, t)``, 1 for a real
token and 0 for padding, and return ``(b, d)``. Padding must never change a sentence's vector:
that is what the mask is for. Source: Reimers & Gurevych 2019 (Sentence-BERT), section 3.
"""

from __future__ import annotations

from torch import Tensor


def mean_pool(token_embeddings: Tensor, attention_mask: Tensor) -> Tensor:
    """Average of the real tokens: ``s = sum_i m_i x_i / sum_i m_i``, shape ``(b, d)``.

    Raises ValueError when the shapes do not fit, the mask has other values than 0 and 1, or a
    sentence has no real token.

    >>> import torch
    >>> x = torch.tensor([[[2.0], [4.0], [99.0]]])       # the third token is padding
    >>> mean_pool(x, torch.tensor([[1, 1, 0]])).tolist()
    [[3.0]]
    """
    mask = _checked_mask(token_embeddings, attention_mask)
    # padding becomes 0, whatever was there: (b, t, d); 0 times NaN would be NaN
    real = token_embeddings.masked_fill(mask == 0, 0)
    # add up the tokens, divide by the number of real ones: (b, t, d) -> (b, d)
    return real.sum(dim=1) / mask.sum(dim=1)


def cls_pool(token_embeddings: Tensor, attention_mask: Tensor) -> Tensor:
    """The vector of the first token, BERT's ``[CLS]``, shape ``(b, d)``.

    The mask is only checked: with padding on the right the first token is always real.
    Raises the same errors as ``mean_pool``, and ValueError when a first token is padding.
    """
    mask = _checked_mask(token_embeddings, attention_mask)
    # the first token of every sentence must be a real one
    if not mask[:, 0].all():
        raise ValueError("a sentence starts with padding: pad on the right, so that [CLS] is first")
    # keep it, drop the others: (b, t, d) -> (b, d)
    return token_embeddings[:, 0]


def max_pool(token_embeddings: Tensor, attention_mask: Tensor) -> Tensor:
    """The largest value of each dimension over the real tokens, shape ``(b, d)``.

    Raises the same errors as ``mean_pool``.
    """
    mask = _checked_mask(token_embeddings, attention_mask)
    # padding becomes minus infinity, so that it is never the largest: (b, t, d)
    real = token_embeddings.masked_fill(mask == 0, float("-inf"))
    # the largest value over the tokens, in each dimension: (b, t, d) -> (b, d)
    return real.max(dim=1).values


POOLINGS = {"mean": mean_pool, "cls": cls_pool, "max": max_pool}


def _checked_mask(token_embeddings: Tensor, attention_mask: Tensor) -> Tensor:
    """The mask as ``(b, t, 1)`` of the embeddings' dtype, once shapes and content are right."""
    if token_embeddings.ndim != 3 or token_embeddings.shape[:2] != attention_mask.shape:
        raise ValueError(
            "token_embeddings must be (batch, tokens, dim) and attention_mask (batch, tokens); "
            f"got {tuple(token_embeddings.shape)} and {tuple(attention_mask.shape)}"
        )
    # 1 is a real token, 0 is padding; nothing else has a meaning here
    if not ((attention_mask == 0) | (attention_mask == 1)).all():
        raise ValueError("attention_mask must hold 1 for real tokens and 0 for padding only")
    if not (attention_mask == 1).any(dim=1).all():
        raise ValueError("a row of attention_mask is all 0: a sentence needs at least one token")
    # one more axis, so that it fits the embeddings: (b, t) -> (b, t, 1)
    return attention_mask.unsqueeze(-1).to(token_embeddings.dtype)
