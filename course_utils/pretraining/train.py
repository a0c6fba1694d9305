"""Pre-train the course's own small BERT, from plain text to a folder that transformers opens.

    python -m course_utils.pretraining --text corpus.txt.xz --out my-bert --tokens 50e6

What it follows: BERT's WordPiece, long rows and 80/10/10 masking, with new masks for every row in
every epoch (Liu et al. 2019, "dynamic masking"). What it leaves out: next-sentence prediction (Liu
et al. found that it does not help) and dropout (one pass over the text cannot over-fit).

Everything a run needs is in ``--out``: ``settings.json``, ``tokenizer.json``, the tokens,
``curve.csv``, ``checkpoint.pt``, and at the end the model. Start the same command again after a
crash and it goes on exactly where it stopped: batches and masks depend only on seed and step.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from tqdm.auto import tqdm
from transformers import BertForMaskedLM

from course_utils.pretraining import record
from course_utils.pretraining.data import (
    PAD,
    batch_at,
    block_at,
    mask_tokens,
    prepare,
    sentence_rows,
    sequences,
)
from course_utils.pretraining.model import autocast, build_model, evaluate, export, masked_loss


def schedule(progress: float, warmup: float, decay: float) -> float:
    """Learning-rate factor at ``progress`` in [0, 1] of the budget: up, flat, linearly to zero.

    ``warmup`` and ``decay`` are shares of the budget; ``decay = 1 - warmup`` leaves no flat part.
    """
    if progress < warmup:
        return progress / warmup
    return max(0.0, min(1.0, (1.0 - progress) / decay)) if decay > 0 else 1.0


def parameter_kinds(model) -> tuple[list, list, list]:
    """The encoder's matrices, other matrices, and what has no weight decay.

    The last are biases, layer norms and embeddings.
    """
    matrices, others, plain = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and ".encoder." in name:
            matrices.append(parameter)
        elif parameter.ndim == 2 and "embeddings" not in name:
            others.append(parameter)
        else:
            plain.append(parameter)
    return matrices, others, plain


def make_optimizers(model, args: argparse.Namespace) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon (Jordan et al. 2024) for the encoder's matrices."""
    matrices, others, plain = parameter_kinds(model)
    optimizers = []
    if args.optimizer == "muon":
        muon = torch.optim.Muon(
            matrices,
            lr=args.lr,
            momentum=0.95,
            weight_decay=args.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        optimizers.append(muon)
    else:
        others += matrices
    groups = [
        {"params": others, "weight_decay": args.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), eps=1e-6, fused=True)
    return [*optimizers, adamw]


class SequenceLength:
    """Training and held-out rows of one length, with as many tokens a batch as the other length."""

    def __init__(self, tokens: dict, short_rows, args: argparse.Namespace, length: int):
        self.length = length
        self.seed = args.seed
        scale = length / args.seq_len
        at_once = args.micro_batch or args.batch
        self.micro_batch = max(1, round(at_once / scale))
        self.rows = sequences(tokens["train"], length)
        self.heldout = sequences(tokens["heldout"], length)[: round(args.eval_rows / scale)]
        # of the micro-batches of a step, some hold single sentences
        batches = -(-args.batch // at_once)
        self.n_short = round(batches * args.short_share)
        self.n_long = batches - self.n_short
        self.short_rows = short_rows
        self.short_size = 3 * at_once
        self._check()

    def _check(self) -> None:
        if len(self.rows) < self.micro_batch or not len(self.heldout):
            raise ValueError(
                f"the text gives {len(self.rows)} sequences of {self.length} tokens to train on "
                f"and {len(self.heldout)} to hold out, and a batch needs {self.micro_batch}: give "
                "more text"
            )
        if self.n_short and len(self.short_rows) < self.short_size:
            raise ValueError(
                f"the text gives {len(self.short_rows)} short sentences, and a batch needs "
                f"{self.short_size}: give more text, a larger --short-len, or --short-share 0"
            )

    def batches(self, state: dict) -> list:
        """The micro-batches of the next step, ``(b, t)`` int64 each; moves the position on."""
        long = [
            batch_at(
                state["position"] + i * self.micro_batch, self.rows, self.micro_batch, self.seed
            )
            for i in range(self.n_long)
        ]
        short = [
            block_at(state["short_position"] + i, self.short_rows, self.short_size, self.seed)
            for i in range(self.n_short)
        ]
        state["position"] += self.n_long * self.micro_batch
        state["short_position"] += self.n_short
        return long + short


@contextmanager
def worker_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; torch's own number of threads is as before when it ends."""
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(count) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def backward(model, loss_of, pool, parts: list[tuple]) -> float:
    """Add the gradients of one batch to ``.grad``; returns the mean loss.

    parts: ``(masked, chosen, ids)`` of each micro-batch, ``(b, t)`` each. Each worker computes a
    micro-batch on one core: on a busy machine that is far faster than sharing every operation.
    """
    parameters = list(model.parameters())
    device = parameters[0].device
    count = sum(chosen.sum().item() for _, chosen, _ in parts)

    def work(part):
        if device.type == "cpu":
            torch.set_num_threads(1)
        with autocast(device):
            loss, _, targets = loss_of(model, *(tensor.to(device) for tensor in part))
        # each token counts the same, however the batch was cut
        loss = loss * (len(targets) / count)
        return loss.item(), torch.autograd.grad(loss, parameters)

    total = 0.0
    # in the order of the parts, so the sum does not depend on which worker is first
    for loss, gradients in pool.map(work, parts):
        total += loss
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
    return total


class Run:
    """One pre-training run: its text, its model, and how far it has come."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        record.keep_settings(args, self.out / "settings.json")
        self.device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.lengths = self._read_text()
        self.model = self._new_model().to(self.device).train()
        self.optimizers = make_optimizers(self.model, args)
        self.loss_of = masked_loss
        if args.compile:
            self.loss_of = torch.compile(masked_loss, dynamic=True)
        self.state = {"step": 0, "tokens": 0, "position": 0, "short_position": 0, "seconds": 0.0}
        self.state |= {"long": False, "running": []}  # losses since the last evaluation
        self._resume()

    def _read_text(self) -> list[SequenceLength]:
        """The rows of both lengths, the shorter first."""
        args = self.args
        tokens = prepare(args.text, self.out, args.vocab_size)
        tokenizer = Tokenizer.from_file(str(self.out / "tokenizer.json"))
        short_rows = None
        if args.short_share:
            short_rows = sentence_rows(tokens["train"], tokenizer, args.short_len)
        return [SequenceLength(tokens, short_rows, args, n) for n in (args.seq_len, args.positions)]

    def _new_model(self) -> BertForMaskedLM:
        args = self.args
        torch.manual_seed(args.seed)
        if args.init_from:
            return BertForMaskedLM.from_pretrained(args.init_from, dtype=torch.float32)
        shape = args.vocab_size, args.layers, args.hidden, args.heads, args.positions
        return build_model(*shape, args.init_std, not args.random_positions)

    def _resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if not (self.out / "checkpoint.pt").exists():
            return
        saved = torch.load(self.out / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimizer, values in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        torch.set_rng_state(saved["rng"].cpu())
        self.state |= saved["state"]
        record.trim_curve(self.out / "curve.csv", self.state["step"])
        print(
            f"resumed at step {self.state['step']:,}, {self.state['tokens']:,} tokens", flush=True
        )

    def save(self) -> None:
        """Write the checkpoint: all that a later start needs."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "rng": torch.get_rng_state(),
            "state": self.state,
        }
        record.save_checkpoint(state, self.out / "checkpoint.pt")

    @property
    def progress(self) -> float:
        """The share of the budget that is used, of tokens or of seconds."""
        used = self.state["tokens"] / self.args.tokens
        if self.args.seconds:
            used = max(used, self.state["seconds"] / self.args.seconds)
        return used

    @property
    def finished(self) -> bool:
        """Whether the budget is used, or ``--stop-after`` reached."""
        stop = self.args.stop_after
        return self.progress >= 1 or bool(stop and self.state["step"] >= stop)

    @property
    def current(self) -> SequenceLength:
        """The rows that are trained on now."""
        return self.lengths[self.state["long"]]

    def step(self, pool) -> int:
        """One step of training; returns how many tokens it has seen."""
        started = time.monotonic()
        args = self.args
        state = self.state
        factor = schedule(self.progress, args.warmup, args.decay)
        # the last share of the budget is trained on long rows, from their first
        if self.progress >= 1 - args.long_share and not state["long"]:
            state.update(long=True, position=0)
        batches = self.current.batches(state)
        # the masks depend on seed and step alone
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + state["step"])
        parts = []
        for ids in batches:
            masked, chosen = mask_tokens(ids, args.mask_rate, args.vocab_size, generator)
            parts.append((masked, chosen, ids))
        loss = backward(self.model, self.loss_of, pool, parts)
        self._update(loss, args.lr * factor)
        seen = sum(int((ids != PAD).sum()) for ids in batches)
        state["step"] += 1
        state["tokens"] += seen
        state["running"].append(loss)
        state["seconds"] += time.monotonic() - started
        return seen

    def _update(self, loss: float, rate: float) -> None:
        """Change the weights by the gradients, but never by one that is not a number."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not np.isfinite([loss, norm.item()]).all():
            raise FloatingPointError(
                f"loss {loss}, gradient {norm.item()} at step {self.state['step']}: lower --lr "
                f"and start again; it goes on from the checkpoint in {self.out}"
            )
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def evaluate(self) -> dict:
        """Held-out loss and accuracy now, also written to the curve."""
        result = evaluate(self.model, self.current.heldout, self.args.eval_mask_rate)
        if self.state["running"]:
            train_loss = float(np.mean(self.state["running"]))
            curve = self.out / "curve.csv"
            record.write_row(curve, self.state, self.current.length, train_loss, result)
        return result


def train(args: argparse.Namespace) -> dict:
    """Run (or resume) a pre-training; returns the last evaluation. See ``--help``."""
    run = Run(args)
    workers = args.workers or (os.cpu_count() if run.device.type == "cpu" else 1)
    seen = run.state["tokens"]
    bar = tqdm(total=int(args.tokens), initial=seen, unit="tok", unit_scale=True)
    saved_at = time.monotonic()
    with bar, worker_threads(workers) as pool:
        while not run.finished:
            bar.update(run.step(pool))
            if run.state["step"] % args.eval_every == 0:
                result = run.evaluate()
                loss = np.mean(run.state["running"])
                bar.set_postfix(loss=f"{loss:.3f}", heldout=f"{result['accuracy']:.3f}")
                run.state["running"] = []
            if time.monotonic() - saved_at > args.save_every:
                run.save()
                saved_at = time.monotonic()
    run.save()
    result = run.evaluate()
    export(run.model, run.out)
    print(json.dumps({**run.state, **result}))
    return result
