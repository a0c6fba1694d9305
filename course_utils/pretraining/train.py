"""Pre-train the course's own small BERT: a command line, imported by no other module.

    python -m course_utils.pretraining --text corpus.txt.xz --out my-bert --tokens 50e6

What it is: masked-language-model pre-training (Devlin et al. 2019, section 3.1, task 1) from
plain text to a folder that ``AutoModelForMaskedLM.from_pretrained`` opens. What it follows:
BERT's WordPiece, packing and 80/10/10 masking, drawn anew for every sequence in every epoch
(Liu et al. 2019, "dynamic masking"). What it leaves out: next-sentence prediction (Liu et al.
found that it does not help) and dropout (one pass over the text cannot over-fit).

Everything a run needs lies in ``--out``: ``tokenizer.json``, ``tokens.npy``, ``curve.csv``,
``checkpoint.pt``, and at the end the model. Start the same command again after a crash and it
goes on exactly where it stopped: batches and masks depend only on the seed and the step.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from course_utils.pretraining.data import (
    MASK,
    PAD,
    SPECIAL,
    batch_at,
    block_at,
    mask_tokens,
    prepare,
    sentence_rows,
    sequences,
)


def build_model(
    vocab_size: int,
    layers: int,
    hidden: int,
    heads: int,
    positions: int,
    init_std: float = 0.02,
    sinusoids: bool = True,
):
    """A ``BertForMaskedLM`` with random weights, feed-forward 4 × hidden and no dropout."""
    from transformers import BertConfig, BertForMaskedLM

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
    all positions, so that attention finds neighbours after far fewer tokens.
    """
    import torch

    angle = torch.arange(positions)[:, None] / 10_000 ** (torch.arange(0, hidden, 2) / hidden)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(positions, hidden) * 2**0.5


def masked_loss(model, masked, chosen, input_ids):
    """Cross-entropy at the chosen positions only: the vocabulary's logits nowhere else.

    Returns ``(loss, logits (m, vocab), targets (m,))`` for the m chosen tokens.
    """
    import torch

    real = input_ids != PAD
    mask = None if real.all() else real.long()
    states = model.bert(input_ids=masked, attention_mask=mask).last_hidden_state[chosen]
    logits = model.cls(states).float()
    targets = input_ids[chosen]
    return torch.nn.functional.cross_entropy(logits, targets), logits, targets


def evaluate(model, rows: np.ndarray, rate: float, batch: int = 64, seed: int = 0) -> dict:
    """Held-out loss (nats) and accuracy on ``rows (n, t)``, masks fixed by ``seed``.

    ``accuracy`` counts every chosen token, as BERT's training does; ``accuracy_masked`` only
    those that were really replaced by ``[MASK]``.
    """
    import torch

    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    was_training, total = model.training, np.zeros(5)
    model.eval()
    with torch.inference_mode(), autocast(device):
        for start in range(0, len(rows), batch):
            ids = torch.from_numpy(rows[start : start + batch].astype(np.int64))
            masked, chosen = mask_tokens(ids, rate, model.config.vocab_size, generator)
            hidden = (masked == MASK)[chosen]
            loss, logits, targets = masked_loss(
                model, masked.to(device), chosen.to(device), ids.to(device)
            )
            right = (logits.argmax(-1) == targets).cpu()
            total += [
                loss.item() * len(right),
                len(right),
                right.sum().item(),
                hidden.sum().item(),
                (right & hidden).sum().item(),
            ]
    model.train(was_training)
    loss, n, right, n_hidden, right_hidden = total
    return {
        "loss": loss / n,
        "accuracy": right / n,
        "accuracy_masked": right_hidden / n_hidden,
        "predictions": int(n),
    }


def autocast(device):
    """bfloat16 autocast where the device computes it natively, else plain float32."""
    import torch

    native = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native)


def schedule(progress: float, warmup: float, decay: float) -> float:
    """Learning-rate factor at ``progress`` in [0, 1] of the budget: up, flat, linearly to zero.

    ``warmup`` and ``decay`` are shares of the budget; ``decay = 1 - warmup`` leaves no flat part.
    """
    if progress < warmup:
        return progress / warmup
    return max(0.0, min(1.0, (1.0 - progress) / decay)) if decay > 0 else 1.0


def make_optimizers(model, args):
    """AdamW for everything, or Muon (Jordan et al. 2024) for the encoder's matrices.

    Weight decay is left off biases, layer norms and embeddings.
    """
    import torch

    matrices, others, plain = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and ".encoder." in name:
            matrices.append(parameter)
        elif parameter.ndim == 2 and "embeddings" not in name:
            others.append(parameter)
        else:
            plain.append(parameter)
    optimizers = []
    if args.optimizer == "muon":
        optimizers.append(
            torch.optim.Muon(
                matrices,
                lr=args.lr,
                momentum=0.95,
                weight_decay=args.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    else:
        others += matrices
    groups = [{"params": others, "weight_decay": args.weight_decay}]
    groups += [{"params": plain, "weight_decay": 0.0}]
    optimizers.append(
        torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), eps=1e-6, fused=True)
    )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def save_atomically(state: dict, path: Path) -> None:
    """``torch.save`` to a temporary file beside ``path``, then rename: never half a checkpoint."""
    import torch

    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


class SequenceLength:
    """Training and held-out sequences of one length, with as many tokens a batch as the other."""

    def __init__(self, tokens: dict, short_rows, args: argparse.Namespace, length: int):
        self.length, scale, self.seed = length, length / args.seq_len, args.seed
        self.micro_batch = max(1, round((args.micro_batch or args.batch) / scale))
        self.rows = sequences(tokens["train"], length)
        self.heldout = sequences(tokens["heldout"], length)[: round(args.eval_rows / scale)]
        batches = -(-args.batch // (args.micro_batch or args.batch))
        self.n_short = round(batches * args.short_share)
        self.n_packed = batches - self.n_short
        self.short_rows, self.short_size = short_rows, 3 * args.micro_batch or 3 * args.batch
        if len(self.rows) < self.micro_batch or not len(self.heldout):
            raise ValueError(
                f"the text gives {len(self.rows)} sequences of {length} tokens to train on and "
                f"{len(self.heldout)} to hold out, and a batch needs {self.micro_batch}: give "
                "more text"
            )

    def batches(self, state: dict) -> list:
        """The micro-batches of the next step, ``(b, t)`` int64 each; moves the position on."""
        packed = [
            batch_at(
                state["position"] + i * self.micro_batch, self.rows, self.micro_batch, self.seed
            )
            for i in range(self.n_packed)
        ]
        short = [
            block_at(state["short_position"] + i, self.short_rows, self.short_size, self.seed)
            for i in range(self.n_short)
        ]
        state["position"] += self.n_packed * self.micro_batch
        state["short_position"] += self.n_short
        return packed + short


def backward(model, loss_of, pool, parts: list[tuple]) -> float:
    """Gradients of one batch into ``.grad``, micro-batches side by side; returns the mean loss.

    parts: ``(masked, chosen, ids)`` of each micro-batch, ``(b, t)`` each. A worker computes a
    micro-batch on one core without waiting for the others inside an operation: on a busy machine
    that is far faster than sharing out every operation. The sum is taken in a fixed order, so
    the result does not depend on who finished first.
    """
    import torch

    device = next(model.parameters()).device
    parameters = list(model.parameters())
    count = sum(chosen.sum().item() for _, chosen, _ in parts)

    def work(part):
        if device.type == "cpu":
            torch.set_num_threads(1)
        with autocast(device):
            loss, _, targets = loss_of(model, *(tensor.to(device) for tensor in part))
        loss = loss * (len(targets) / count)
        return loss.item(), torch.autograd.grad(loss, parameters)

    total = 0.0
    for loss, gradients in pool.map(work, parts):
        total += loss
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
            else:
                parameter.grad += gradient
    return total


def train(args: argparse.Namespace) -> dict:
    """Run (or resume) a pre-training; returns the last evaluation. See ``--help``."""
    import torch
    from tokenizers import Tokenizer
    from tqdm.auto import tqdm

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tokens = prepare(args.text, out, args.vocab_size)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    short_rows = None
    if args.short_share:
        short_rows = sentence_rows(tokens["train"], tokenizer, args.short_len)
    stages = [SequenceLength(tokens, short_rows, args, n) for n in (args.seq_len, args.positions)]
    torch.manual_seed(args.seed)
    shape = args.vocab_size, args.layers, args.hidden, args.heads, args.positions
    model = build_model(*shape, args.init_std, not args.random_positions)
    if args.init_from:
        from transformers import BertForMaskedLM

        model = BertForMaskedLM.from_pretrained(args.init_from, dtype=torch.float32)
    model.to(device).train()
    optimizers = make_optimizers(model, args)
    state = {"step": 0, "tokens": 0, "position": 0, "short_position": 0, "seconds": 0.0}
    state["long"] = False
    checkpoint, curve = out / "checkpoint.pt", out / "curve.csv"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, values in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        torch.set_rng_state(saved["rng"].cpu())
        state |= saved["state"]
        print(f"resumed at step {state['step']:,}, {state['tokens']:,} tokens", flush=True)
        trim_curve(curve, state["step"])

    def save():
        save_atomically(
            {
                "model": model.state_dict(),
                "optimizers": [o.state_dict() for o in optimizers],
                "rng": torch.get_rng_state(),
                "state": {**state, "running": running},
            },
            checkpoint,
        )

    pool = ThreadPoolExecutor(args.workers or (os.cpu_count() if device.type == "cpu" else 1))
    step_fn = torch.compile(masked_loss, dynamic=True) if args.compile else masked_loss
    bar = tqdm(total=int(args.tokens), initial=state["tokens"], unit="tok", unit_scale=True)
    running, before, result = state.pop("running", []), state["seconds"], {}
    started = saved_at = time.monotonic()
    while True:
        progress = state["tokens"] / args.tokens
        if args.seconds:
            progress = max(progress, state["seconds"] / args.seconds)
        if progress >= 1 or (args.stop_after and state["step"] >= args.stop_after):
            break
        long = progress >= 1 - args.long_share
        if long and not state["long"]:
            state.update(long=True, position=0)
        stage = stages[long]
        batches = stage.batches(state)
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + state["step"])
        parts = [
            (*mask_tokens(ids, args.mask_rate, args.vocab_size, generator), ids) for ids in batches
        ]
        total = backward(model, step_fn, pool, parts)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        factor = schedule(progress, args.warmup, args.decay)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        running.append(total)
        if not math.isfinite(running[-1]):
            raise FloatingPointError(
                f"loss is {running[-1]} at step {state['step']}: lower --lr and start again "
                f"from the checkpoint in {out}"
            )
        state["step"] += 1
        seen = sum(int((ids != PAD).sum()) for ids in batches)
        state["tokens"] += seen
        state["seconds"] = before + time.monotonic() - started
        bar.update(seen)
        if state["step"] % args.eval_every == 0:
            result = evaluate(model, stage.heldout, args.eval_mask_rate)
            write_row(curve, state, stage.length, float(np.mean(running)), result)
            bar.set_postfix(loss=f"{np.mean(running):.3f}", heldout=f"{result['accuracy']:.3f}")
            running = []
        if time.monotonic() - saved_at > args.save_every:
            save()
            saved_at = time.monotonic()
    bar.close()
    save()
    stage = stages[state["long"]]
    result = evaluate(model, stage.heldout, args.eval_mask_rate)
    if running:
        write_row(curve, state, stage.length, float(np.mean(running)), result)
    export(model, out)
    print(json.dumps({**state, **result}))
    return result


def write_row(path: Path, state: dict, length: int, train_loss: float, result: dict) -> None:
    """Append one line to the curve, with its header when the file is new."""
    row = {
        "step": state["step"],
        "tokens": state["tokens"],
        "seconds": round(state["seconds"]),
        "sequence_length": length,
        "train_loss": round(train_loss, 4),
        "heldout_loss": round(result["loss"], 4),
        "heldout_accuracy": round(result["accuracy"], 4),
    }
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def trim_curve(path: Path, step: int) -> None:
    """Drop curve lines after ``step``: they belong to work that the resumed run does again."""
    if path.exists():
        header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if int(line.split(",")[0]) <= step]
        path.write_text(header + "".join(kept), encoding="utf-8")


def export(model, out: Path) -> None:
    """Write ``out/model``: Hugging Face layout, safetensors in float16, with its tokenizer."""
    import copy

    import torch
    from transformers import PreTrainedTokenizerFast

    kinds = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    names = dict(zip(kinds, SPECIAL, strict=True))
    positions = model.config.max_position_embeddings
    PreTrainedTokenizerFast(
        tokenizer_file=str(out / "tokenizer.json"), model_max_length=positions, **names
    ).save_pretrained(out / "model")
    copy.deepcopy(model).to("cpu", torch.float16).save_pretrained(out / "model")
