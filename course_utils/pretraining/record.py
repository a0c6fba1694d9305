"""What a run leaves in its folder: its settings, its checkpoint, its curve."""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path

import torch

# What a run may be started again with; anything else would make it another run.
MAY_CHANGE = {
    *("out", "tokens", "seconds", "stop_after", "lr", "warmup", "decay"),
    *("eval_every", "eval_rows", "eval_mask_rate", "save_every", "workers", "device", "compile"),
}


def keep_settings(args: argparse.Namespace, path: Path) -> None:
    """Write the settings of a run to ``path``, or compare them with those of the run begun there.

    Raises ValueError, naming them, for settings that would make it another run.
    """
    given = {name: value for name, value in vars(args).items() if name not in MAY_CHANGE}
    given["text"] = [Path(source).name for source in args.text]
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name in given if given[name] != before[name]]
        if changed:
            told = ", ".join(f"--{name.replace('_', '-')} {before[name]}" for name in changed)
            raise ValueError(
                f"{path.parent} holds a run that was started with {told}: start it with that, "
                "or give another --out"
            )
    replace_text(path, json.dumps(given, indent=1) + "\n")


def save_checkpoint(state: dict, path: Path) -> None:
    """``torch.save`` to a temporary file next to ``path``, then rename: never half a checkpoint."""
    try:
        torch.save(state, path.with_suffix(".tmp"))
    except RuntimeError as error:  # torch's words for a full disk are a riddle
        path.with_suffix(".tmp").unlink(missing_ok=True)
        raise OSError(f"{path} cannot be written, the last one stays: is the disk full?") from error
    os.replace(path.with_suffix(".tmp"), path)


def replace_text(path: Path, text: str) -> None:
    """Write a text file as a whole: an interrupt leaves the old one or the new one."""
    path.with_suffix(".tmp").write_text(text, encoding="utf-8", newline="\n")
    os.replace(path.with_suffix(".tmp"), path)


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
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if int(line.split(",")[0]) <= step]
        replace_text(path, "\n".join([header, *kept]) + "\n")
