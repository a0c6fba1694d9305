"""The model that is pre-trained: a small BERT, its loss, and how well it predicts.

Masked-language-model pre-training (Devlin et al. 2019, section 3.1, task 1).
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from course_utils.pretraining.data import MASK, PAD, SPECIAL, mask_tokens


def build_model(
    vocab_size: int,
    layers: int,
    hidden: int,
    heads: int,
    positions: int,
    init_std: float = 0.02,
    sinusoids: bool = True,
) -> BertForMaskedLM:
    """A ``BertForMaskedLM`` with random weights, feed-forward 4 × hidden and no dropout."""
    config = BertConfig(
        vocab_size=vocab_size,
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=positions,
        initializer_range=init_std,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD,
    )
    model = BertForMaskedLM(config)
    if sinusoids:
        table = model.bert.embeddings.position_embeddings.weight
        table.data.copy_(sinusoid_table(positions, hidden) * init_std)
    return model


def sinusoid_table(positions: int, hidden: int):
    """Sinusoids (Vaswani et al. 2017, section 3.5) as a start for BERT's learned positions.

    ``(positions, hidden)`` float32, mean square 1. "The word before" is then one linear map for
    all positions, so attention finds neighbours after far fewer tokens.
    """
    angle = torch.arange(positions)[:, None] / 10_000 ** (torch.arange(0, hidden, 2) / hidden)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(positions, hidden) * 2**0.5


def masked_loss(model, masked, chosen, input_ids):
    """Cross-entropy at the chosen positions; the vocabulary's logits are computed only there.

    Returns ``(loss, logits (m, vocab), targets (m,))`` for the m chosen tokens.
    """
    real = input_ids != PAD
    mask = None if real.all() else real.long()
    # one vector for each chosen token: (b, t) -> (m, hidden)
    states = model.bert(input_ids=masked, attention_mask=mask).last_hidden_state[chosen]
    # the head guesses a word for each: (m, hidden) -> (m, vocab)
    logits = model.cls(states).float()
    targets = input_ids[chosen]
    return cross_entropy(logits, targets), logits, targets


def autocast(device) -> torch.autocast:
    """bfloat16 where the device computes it itself, else plain float32."""
    # older versions of torch do not tell what the processor can do: float32 then
    can = getattr(torch.cpu, "get_capabilities", dict)()
    native = device.type == "cuda" or any(can.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native)


def evaluate(model, rows: np.ndarray, rate: float, batch: int = 64, seed: int = 0) -> dict:
    """Held-out loss (nats) and accuracy on ``rows (n, t)``, masks fixed by ``seed``.

    ``accuracy`` counts every chosen token, as BERT's training does; ``accuracy_masked`` only
    those that were really replaced by ``[MASK]``.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    was_training = model.training
    counts = np.zeros(5)
    model.eval()
    with torch.inference_mode(), autocast(device):
        for start in range(0, len(rows), batch):
            ids = torch.from_numpy(rows[start : start + batch].astype(np.int64))
            masked, chosen = mask_tokens(ids, rate, model.config.vocab_size, generator)
            counts += _count(model, masked.to(device), chosen.to(device), ids.to(device))
    model.train(was_training)
    loss, n, right, n_hidden, right_hidden = counts
    return {
        "loss": loss / n,
        "accuracy": right / n,
        "accuracy_masked": right_hidden / n_hidden,
        "predictions": int(n),
    }


def _count(model, masked, chosen, ids) -> list[float]:
    """Of one batch: summed loss, predictions, right ones, and both again for ``[MASK]`` alone."""
    loss, logits, targets = masked_loss(model, masked, chosen, ids)
    right = logits.argmax(-1) == targets
    hidden = masked[chosen] == MASK
    n = len(targets)
    return [
        loss.item() * n,
        n,
        right.sum().item(),
        hidden.sum().item(),
        (right & hidden).sum().item(),
    ]


def export(model, out: Path) -> None:
    """Write ``out/model``: Hugging Face layout, safetensors in float16, with its tokenizer."""
    kinds = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    names = dict(zip(kinds, SPECIAL, strict=True))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(out / "tokenizer.json"),
        model_max_length=model.config.max_position_embeddings,
        **names,
    )
    tokenizer.save_pretrained(out / "model")
    copy.deepcopy(model).to("cpu", torch.float16).save_pretrained(out / "model")
