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
import lzma
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
HELD_OUT_EVERY = 200  # every 200th line is held out: 0.5 %


# ---------------------------------------------------------------- text to tokens


def read_lines(sources: list[str]) -> Iterator[str]:
    """Yield the non-empty lines of text files (plain or .xz), or of a hub data set's ``text``.

    A source that is no file is taken as ``name`` or ``name:config`` of a hub data set.
    Raises FileNotFoundError, naming the source, when it is neither.
    """
    for source in sources:
        if Path(source).is_file():
            opener = lzma.open if source.endswith(".xz") else open
            with opener(source, "rt", encoding="utf-8") as handle:
                yield from (line.strip() for line in handle if line.strip())
            continue
        try:
            from datasets import load_dataset

            name, _, config = source.partition(":")
            rows = load_dataset(name, config or None, split="train", streaming=True)
        except Exception as error:
            raise FileNotFoundError(
                f"{source!r} is neither a text file here nor a data set the hub would give "
                f"({type(error).__name__}). Name a .txt or .txt.xz file."
            ) from error
        yield from (row["text"].strip() for row in rows if row["text"].strip())


def train_tokenizer(lines: Iterator[str], vocab_size: int = 8192):
    """Train an uncased WordPiece tokenizer (Wu et al. 2016; BERT's normaliser and splitter).

    Returns a ``tokenizers.Tokenizer`` whose first five ids are ``SPECIAL``.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers.trainers import WordPieceTrainer

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    trainer = WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=SPECIAL, limit_alphabet=120, show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    return tokenizer


def pack(tokenizer, lines: Iterator[str], chunk: int = 20_000) -> np.ndarray:
    """Tokenize ``lines`` and join them, a ``[SEP]`` after each: one row of uint16 token ids."""
    pieces, batch = [], []

    def flush():
        encoded = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        pieces.append(np.array([i for e in encoded for i in (*e.ids, SEP)], dtype=np.uint16))
        batch.clear()

    for line in lines:
        batch.append(line)
        if len(batch) == chunk:
            flush()
    if batch:
        flush()
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint16)


def sequences(tokens: np.ndarray, seq_len: int, offset: int = 0) -> np.ndarray:
    """Cut packed tokens into ``(n, seq_len)`` rows ``[CLS] … [SEP]``; the rest is dropped."""
    body = seq_len - 2
    n = (len(tokens) - offset) // body
    rows = np.empty((n, seq_len), dtype=np.uint16)
    rows[:, 0], rows[:, -1] = CLS, SEP
    rows[:, 1:-1] = tokens[offset : offset + n * body].reshape(n, body)
    return rows


def prepare(sources: list[str], out: Path, vocab_size: int) -> dict[str, np.ndarray]:
    """Tokenizer and packed tokens of train and held-out lines; made once, then read from out."""
    from tokenizers import Tokenizer

    files = {part: out / f"tokens-{part}.npy" for part in ("train", "heldout")}
    if not all(path.exists() for path in [*files.values(), out / "tokenizer.json"]):

        def lines(heldout: bool) -> Iterator[str]:
            for i, line in enumerate(read_lines(sources)):
                if (i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) == heldout:
                    yield line

        if not (out / "tokenizer.json").exists():
            print(f"training a WordPiece vocabulary of {vocab_size:,} …", flush=True)
            train_tokenizer(lines(heldout=False), vocab_size).save(str(out / "tokenizer.json"))
        tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
        for part, path in files.items():
            print(f"packing the {part} lines …", flush=True)
            np.save(path, pack(tokenizer, lines(heldout=part == "heldout")))
    return {part: np.load(path, mmap_mode="r") for part, path in files.items()}


# ---------------------------------------------------------------- masking and the model


def mask_tokens(input_ids, rate: float, vocab_size: int, generator):
    """BERT's masking: choose ``rate`` of the tokens; 80 % [MASK], 10 % random, 10 % unchanged.

    input_ids: ``(b, t)`` int64. Special tokens are never chosen. Returns ``(masked, chosen)``:
    the ids to feed, ``(b, t)`` int64, and where a prediction is asked for, ``(b, t)`` bool.
    """
    import torch

    draw = torch.rand(input_ids.shape, generator=generator)
    chosen = (draw < rate) & (input_ids >= len(SPECIAL))
    kind = torch.rand(input_ids.shape, generator=generator)
    noise = torch.randint(len(SPECIAL), vocab_size, input_ids.shape, generator=generator)
    masked = torch.where(chosen & (kind < 0.8), MASK, input_ids)
    masked = torch.where(chosen & (kind >= 0.9), noise, masked)
    return masked, chosen


def build_model(
    vocab_size: int, layers: int, hidden: int, heads: int, positions: int,
    init_std: float = 0.02, sinusoids: bool = True,
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

    states = model.bert(input_ids=masked).last_hidden_state[chosen]
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


# ---------------------------------------------------------------- optimisation


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


def batch_at(position: int, rows: np.ndarray, batch: int, seed: int):
    """Rows number position … position + batch of an endless stream, reshuffled every epoch."""
    import torch

    index, out = position, []
    while len(out) < batch:
        epoch, start = divmod(index, len(rows))
        order = _epoch_order(len(rows), seed, epoch)
        take = order[start : start + batch - len(out)]
        out.extend(take)
        index += len(take)
    return torch.from_numpy(rows[np.sort(out)].astype(np.int64))


def _epoch_order(n: int, seed: int, epoch: int, _cache: dict = {}) -> np.ndarray:  # noqa: B006
    if (n, seed, epoch) not in _cache:
        _cache.clear()
        _cache[n, seed, epoch] = np.random.default_rng([seed, epoch]).permutation(n)
    return _cache[n, seed, epoch]


class Stage:
    """Training and held-out sequences of one length, with as many tokens a batch as the other."""

    def __init__(self, tokens: dict, args: argparse.Namespace, length: int):
        self.length, scale = length, length / args.seq_len
        self.batch = max(1, round(args.batch / scale))
        self.micro_batch = max(1, round((args.micro_batch or args.batch) / scale))
        self.rows = sequences(tokens["train"], length)
        self.heldout = sequences(tokens["heldout"], length)[: round(args.eval_rows / scale)]
        if len(self.rows) < self.batch or not len(self.heldout):
            raise ValueError(
                f"the text gives {len(self.rows)} sequences of {length} tokens to train on and "
                f"{len(self.heldout)} to hold out, and a batch needs {self.batch}: give more text"
            )


def backward(model, loss_of, pool, micro_batch: int, ids, masked, chosen) -> float:
    """Gradients of one batch into ``.grad``, micro-batches side by side; returns the loss.

    Each worker computes its micro-batches on one core without waiting for the others inside an
    operation: on a busy machine that is far faster than sharing out every operation. The sum is
    taken in a fixed order, so the result does not depend on who finished first.
    """
    import torch

    device = next(model.parameters()).device
    parameters, count = list(model.parameters()), chosen.sum().item()

    def work(part):
        if device.type == "cpu":
            torch.set_num_threads(1)
        with autocast(device):
            loss, _, targets = loss_of(model, *(tensor.to(device) for tensor in part))
        loss = loss * (len(targets) / count)
        return loss.item(), torch.autograd.grad(loss, parameters)

    total = 0.0
    parts = zip(*(tensor.split(micro_batch) for tensor in (masked, chosen, ids)), strict=True)
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
    from tqdm.auto import tqdm

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tokens = prepare(args.text, out, args.vocab_size)
    stages = [Stage(tokens, args, args.seq_len), Stage(tokens, args, args.positions)]
    torch.manual_seed(args.seed)
    shape = args.vocab_size, args.layers, args.hidden, args.heads, args.positions
    model = build_model(*shape, args.init_std, not args.random_positions)
    if args.init_from:
        from transformers import BertForMaskedLM

        model = BertForMaskedLM.from_pretrained(args.init_from, dtype=torch.float32)
    model.to(device).train()
    optimizers = make_optimizers(model, args)
    state = {"step": 0, "tokens": 0, "position": 0, "seconds": 0.0, "long": False}
    checkpoint, curve = out / "checkpoint.pt", out / "curve.csv"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, values in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        torch.set_rng_state(saved["rng"].cpu())
        state = saved["state"]
        print(f"resumed at step {state['step']:,}, {state['tokens']:,} tokens", flush=True)
        trim_curve(curve, state["step"])

    def save():
        save_atomically(
            {
                "model": model.state_dict(),
                "optimizers": [o.state_dict() for o in optimizers],
                "rng": torch.get_rng_state(),
                "state": state,
            },
            checkpoint,
        )

    pool = ThreadPoolExecutor(args.workers or (os.cpu_count() if device.type == "cpu" else 1))
    step_fn = torch.compile(masked_loss, dynamic=True) if args.compile else masked_loss
    bar = tqdm(total=int(args.tokens), initial=state["tokens"], unit="tok", unit_scale=True)
    running, before, result = [], state["seconds"], {}
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
        ids = batch_at(state["position"], stage.rows, stage.batch, args.seed + long)
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + state["step"])
        masked, chosen = mask_tokens(ids, args.mask_rate, args.vocab_size, generator)
        total = backward(model, step_fn, pool, stage.micro_batch, ids, masked, chosen)
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
        state["tokens"] += ids.numel()
        state["position"] += len(ids)
        state["seconds"] = before + time.monotonic() - started
        bar.update(ids.numel())
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

    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], SPECIAL))
    positions = model.config.max_position_embeddings
    PreTrainedTokenizerFast(
        tokenizer_file=str(out / "tokenizer.json"), model_max_length=positions, **names
    ).save_pretrained(out / "model")
    copy.deepcopy(model).to("cpu", torch.float16).save_pretrained(out / "model")


def main(argv: list[str] | None = None) -> None:
    """The command line; ``argv`` as in ``sys.argv[1:]``."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.pretraining", description=__doc__.split("\n\n")[0]
    )
    add = parser.add_argument
    add("--text", nargs="+", required=True, help="text files (.txt, .xz) or hub data sets")
    add("--out", required=True, help="folder of the run; an unfinished run there is resumed")
    add("--tokens", type=float, default=70e6, help="budget in tokens (default: 70e6)")
    add("--seconds", type=float, default=0, help="budget in seconds, whichever ends first")
    add("--stop-after", type=int, default=0, help="stop (and checkpoint) after this many steps")
    add("--seq-len", type=int, default=64, help="tokens in a training sequence (default: 64)")
    add("--batch", type=int, default=64, help="sequences in a step (default: 64)")
    add("--micro-batch", type=int, default=0, help="sequences computed at once (default: all)")
    add("--long-share", type=float, default=0.2, help="last share, trained at full --positions")
    add("--workers", type=int, default=0, help="micro-batches side by side (default: CPU cores)")
    add("--lr", type=float, default=1e-3, help="peak learning rate (default: 1e-3)")
    add("--optimizer", choices=["adamw", "muon"], default="adamw")
    add("--weight-decay", type=float, default=0.05)
    add("--mask-rate", type=float, default=0.2, help="share of tokens to predict")
    add("--eval-mask-rate", type=float, default=0.2)
    add("--warmup", type=float, default=0.03, help="share of the budget to warm up in")
    add("--decay", type=float, default=0.97, help="share of the budget to decay to zero in")
    add("--vocab-size", type=int, default=8192)
    add("--layers", type=int, default=4)
    add("--hidden", type=int, default=256)
    add("--heads", type=int, default=4)
    add("--positions", type=int, default=128)
    add("--init-std", type=float, default=0.02, help="standard deviation of random weights")
    add("--random-positions", action="store_true", help="no sinusoids to start positions from")
    add("--init-from", default="", help="start from the weights of this folder")
    add("--eval-every", type=int, default=500, help="steps between two held-out evaluations")
    add("--eval-rows", type=int, default=512, help="held-out sequences in an evaluation")
    add("--save-every", type=float, default=60, help="seconds between two checkpoints")
    add("--device", default="", help="cpu or cuda (default: cuda where there is one)")
    add("--compile", action="store_true", help="torch.compile the step (needs a C++ compiler)")
    add("--seed", type=int, default=0)
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
