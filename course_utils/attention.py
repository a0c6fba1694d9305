"""Attention by hand, and the attention maps of a real model for a figure.

Source: Vaswani et al. 2017, section 3.2: ``softmax(Q K^T / sqrt(d_k)) V``, in several heads.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None):
    """Scaled dot-product attention: ``(output (..., t, d_v), weights (..., t, s))``.

    q ``(..., t, d_k)``, k ``(..., s, d_k)``, v ``(..., s, d_v)``; mask ``(..., s)`` or
    ``(..., t, s)``, 1 where a token may be looked at. Row i of ``weights`` says where token i
    looks, and sums to 1.
    """
    # how well each query fits each key: (..., t, d_k) x (..., s, d_k) -> (..., t, s)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        # the same mask for every query: (..., s) -> (..., 1, s)
        mask = mask if mask.ndim == scores.ndim else mask[..., None, :]
        # a hidden token gets the score -inf, and so the weight 0
        scores = scores.masked_fill(mask == 0, float("-inf"))
    # scores -> weights; each row sums to 1
    weights = scores.softmax(dim=-1)
    # each output is the weighted mean of the values: (..., t, s) x (..., s, d_v) -> (..., t, d_v)
    return weights @ v, weights


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """``(b, t, d)`` to ``(b, n_heads, t, d / n_heads)``; ValueError when d does not divide."""
    b, t, d = x.shape
    if d % n_heads:
        raise ValueError(f"{d} dimensions cannot be split into {n_heads} equal heads")
    # a token's d numbers in n_heads equal parts, then the heads before the tokens
    return x.view(b, t, n_heads, d // n_heads).transpose(1, 2)


def multi_head_attention(x: Tensor, layer: torch.nn.MultiheadAttention, mask: Tensor | None = None):
    """Self-attention in several heads with the weights of PyTorch's ``layer`` (batch first).

    x ``(b, t, d)``, mask ``(b, t)``; returns ``(output (b, t, d), weights (b, heads, t, t))``.
    """
    # queries, keys and values in one product: (b, t, d) -> (b, t, 3·d)
    projected = torch.nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias)
    # each split into heads: (b, t, d) -> (b, heads, t, d / heads)
    q, k, v = (split_heads(part, layer.num_heads) for part in projected.chunk(3, dim=-1))
    # one mask for all heads and all queries: (b, t) -> (b, 1, 1, t)
    mask = mask[:, None, None, :] if mask is not None else None
    output, weights = attention(q, k, v, mask)
    # the heads side by side again, then mixed: (b, heads, t, d / heads) -> (b, t, d)
    return layer.out_proj(output.transpose(1, 2).flatten(2)), weights


def attention_maps(encoder, text: str) -> tuple[list[str], Tensor]:
    """Tokens and attention weights ``(layers, heads, t, t)`` float32 of an encoder for one text."""
    # a second network with the same weights, so that nothing changes for who uses the first
    shared = {id(weight): weight for weight in encoder.model.parameters()}
    model = copy.deepcopy(encoder.model, shared).eval()
    model.set_attn_implementation("eager")  # the fast kernels do not give weights back
    # words -> token ids (1, t) -> a list of (1, heads, t, t), one for each layer
    tokenized = encoder.tokenize([text])
    batch = {key: tokenized[key] for key in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        maps = model(**batch, output_attentions=True).attentions
    # the layers in one tensor: (layers, heads, t, t)
    tokens = encoder.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    return tokens, torch.cat(maps).float()
