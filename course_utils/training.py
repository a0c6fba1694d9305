"""One short training loop for all objectives."""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch


def train(
    loss_of: Callable[..., torch.Tensor],
    columns: Sequence[Sequence],
    parameters,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    lr: float = 2e-5,
    warmup: float = 0.1,
    seed: int = 0,
    show_progress: bool = True,
) -> list[float]:
    """Minimise ``loss_of(*batch)`` over ``parameters`` with AdamW; returns the loss of each step.

    columns: equally long lists, for instance (premises, hypotheses, labels); a batch is the same
    rows of each, as lists. parameters: tensors, or AdamW's groups (``{"params": …, "lr": …}``)
    when the head needs another rate than the encoder. The learning rate rises linearly over
    the first ``warmup`` share of the steps and falls linearly to zero (Devlin et al. 2019).
    Rows are reshuffled every epoch by ``seed``. ``show_progress`` draws a bar that goes away.

    Raises ValueError for empty or unequally long columns and no parameters, FloatingPointError
    when the loss is no longer a number.
    """
    from tqdm.auto import tqdm

    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"columns must be equally long and not empty; got {sorted(lengths)}")
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be 1 or more; got {epochs}, {batch_size}")
    order, shuffler = list(range(lengths.pop())), random.Random(seed)
    # fused: one pass over the weights instead of one for each of AdamW's operations
    optimizer = torch.optim.AdamW(list(parameters), lr=lr, weight_decay=0.01, fused=True)
    per_epoch = -(-len(order) // batch_size)
    steps = epochs * per_epoch
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / max(1, round(warmup * steps)), (steps - step) / steps),
    )
    history: list[float] = []
    with tqdm(total=steps, leave=False, disable=not show_progress, unit="step") as bar:
        for _ in range(epochs):
            shuffler.shuffle(order)
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                loss = loss_of(*([column[i] for i in rows] for column in columns))
                history.append(loss.item())
                if history[-1] != history[-1]:  # before it reaches the weights
                    raise FloatingPointError(
                        f"the loss is NaN at step {len(history)}: try a lower learning rate"
                    )
                optimizer.zero_grad()
                loss.backward()
                for group in optimizer.param_groups:
                    torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
                optimizer.step()
                scheduler.step()
                bar.update()
                bar.set_postfix_str(f"loss {history[-1]:.3f}")
    return history


ROOT = Path(__file__).resolve().parents[1]


def models_folder() -> Path:
    """The folder of your models (it may not exist yet): ``$COURSE_MODELS``, or ``my-models``."""
    chosen = os.environ.get("COURSE_MODELS")
    return Path(chosen).expanduser() if chosen else ROOT / "my-models"


def save_new(encoder, name: str) -> Path:
    """Save ``encoder`` as ``name-001``, or the next number after the highest there is.

    The model is written beside its place first and then takes its name in one step, so a crash
    leaves no half model, and two notebooks that save at once get two numbers. Returns the folder.
    Raises ValueError for a name with other than letters, digits, ``-`` and ``_``.
    """
    parent, number = models_folder(), max(_saved(name), default=0)
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".saving-") as temporary:
        made = encoder.save(Path(temporary) / name)
        while True:
            number += 1
            try:
                return made.rename(parent / f"{name}-{number:03d}")
            except OSError:
                if not (parent / f"{name}-{number:03d}").exists():
                    raise  # another reason than a number that somebody just took


def newest(name: str) -> Path | None:
    """The folder that ``save_new(…, name)`` wrote last; None when there is none yet.

    Raises as ``save_new`` for a name that cannot be one.
    """
    saved = _saved(name)
    return saved[max(saved)] if saved else None


def _saved(name: str) -> dict[int, Path]:
    """Everything called ``name-<number>`` in the folder of models, by number."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"{name!r} cannot be a model's name: use letters, digits, - and _")
    found = {}
    for path in models_folder().glob(f"{name}-*"):
        number = path.name.removeprefix(f"{name}-")
        if re.fullmatch(r"[0-9]{3,}", number):
            found[int(number)] = path
    return found
