"""Attention by hand, and the attention maps of a real model for a figure.

Source: Vaswani et al. 2017, section 3.2: ``softmax(Q K^T / sqrt(d_k)) V``, in several heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None):
    """Scaled dot-product attention: ``(output (..., t, d_v), weights (..., t, s))``.

    q ``(..., t, d_k)``, k ``(..., s, d_k)``, v ``(..., s, d_v)``; mask ``(..., s)`` or
    ``(..., t, s)``, 1 where a token may be looked at. Row i of ``weights`` says where token i
    looks, and sums to 1.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        mask = mask if mask.ndim == scores.ndim else mask[..., None, :]
        scores = scores.masked_fill(mask == 0, float("-inf"))
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """``(b, t, d)`` to ``(b, n_heads, t, d / n_heads)``; ValueError when d does not divide."""
    b, t, d = x.shape
    if d % n_heads:
        raise ValueError(f"{d} dimensions cannot be split into {n_heads} equal heads")
    return x.view(b, t, n_heads, d // n_heads).transpose(1, 2)


def multi_head_attention(x: Tensor, layer: torch.nn.MultiheadAttention, mask: Tensor | None = None):
    """Self-attention in several heads with the weights of PyTorch's ``layer`` (batch first).

    x ``(b, t, d)``, mask ``(b, t)``; returns ``(output (b, t, d), weights (b, heads, t, t))``.
    """
    projected = torch.nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias)
    q, k, v = (split_heads(part, layer.num_heads) for part in projected.chunk(3, dim=-1))
    output, weights = attention(q, k, v, None if mask is None else mask[:, None, None, :])
    return layer.out_proj(output.transpose(1, 2).flatten(2)), weights


def attention_maps(encoder, text: str) -> tuple[list[str], Tensor]:
    """Tokens and attention weights ``(layers, heads, t, t)`` float32 of an encoder for one text."""
    batch = encoder.tokenize([text])
    before = encoder.model.config._attn_implementation
    encoder.model.set_attn_implementation("eager")  # the fast kernels do not give weights back
    try:
        with torch.inference_mode():
            maps = encoder.model(**batch, output_attentions=True).attentions
    finally:
        encoder.model.set_attn_implementation(before)
    tokens = encoder.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    return tokens, torch.cat(maps).float()
