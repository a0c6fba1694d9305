"""One short training loop for all objectives, and a safe place for the models it makes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence

import torch

from course_utils.internal.columns import check_columns
from course_utils.internal.interrupts import no_interrupt
from course_utils.internal.my_models import models_folder, newest, save_new  # noqa: F401
from course_utils.internal.speed import progress


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
    watch: Callable[[int], object] | None = None,
    watch_every: int = 50,
) -> list[float]:
    """Minimise ``loss_of(*batch)`` over ``parameters`` with AdamW; returns the loss of each step.

    columns: equally long columns, for instance (premises, hypotheses, labels); a batch is the same
    rows of each, as lists. parameters: tensors, or AdamW's groups (``{"params": …, "lr": …}``)
    when the head needs another rate than the encoder. The learning rate rises linearly over the
    first ``warmup`` share of the steps and falls linearly to zero (Devlin et al. 2019). Rows are
    shuffled again in every epoch by ``seed``. ``show_progress`` draws a progress bar, removed at
    the end. ``watch(examples seen)`` is called after every ``watch_every`` steps and after the
    last one: a place to measure on sentences that no training saw.

    An interrupt leaves the weights as they were after the last full step. Raises TypeError or
    ValueError for columns and settings that do not fit, and FloatingPointError when the loss or
    its gradient is not a finite number, before it reaches the weights.
    """
    columns = check_columns(columns)
    _check_settings(epochs, batch_size, lr, warmup, watch_every)
    n = len(columns[0])
    steps = epochs * math.ceil(n / batch_size)
    # AdamW takes the steps (fused: one pass over the weights); the scheduler sets their size
    optimizer = torch.optim.AdamW(list(parameters), lr=lr, weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, _rise_and_fall(steps, warmup))
    history: list[float] = []
    seen = 0
    with progress(None, show_progress, steps) as bar:
        for rows in _batches(n, batch_size, epochs, seed):
            # the same rows of every column
            batch = [[column[i] for i in rows] for column in columns]
            # forward and backward, then one small change of the weights
            history.append(_step(optimizer, loss_of(*batch), len(history) + 1))
            scheduler.step()
            seen += len(rows)
            bar.update()
            bar.set_postfix_str(f"loss {history[-1]:.3f}")
            if watch and (len(history) % watch_every == 0 or len(history) == steps):
                watch(seen)
    return history


def _check_settings(epochs, batch_size, lr, warmup, watch_every) -> None:
    """Raise ValueError for a setting that cannot be."""
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be 1 or more; got {epochs}, {batch_size}")
    if not 0 <= lr < math.inf:
        raise ValueError(f"lr must be a finite number, 0 or more; got {lr}")
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup must be a share of the steps, from 0 to 1; got {warmup}")
    if watch_every < 1:
        raise ValueError(f"watch_every must be 1 or more; got {watch_every}")


def _rise_and_fall(steps: int, warmup: float) -> Callable[[int], float]:
    """The learning rate of step 0, 1, … as a share of the highest: up, then down to zero."""
    rising = max(1, round(warmup * steps))

    def share(step: int) -> float:
        return min((step + 1) / rising, (steps - step) / steps)

    return share


def _batches(n: int, batch_size: int, epochs: int, seed: int) -> Iterator[list[int]]:
    """Row numbers of one batch after the other; each epoch has every row once, in a new order."""
    # a new order for each epoch, cut into batches of row numbers
    order = list(range(n))
    shuffler = random.Random(seed)
    for _ in range(epochs):
        shuffler.shuffle(order)
        for start in range(0, n, batch_size):
            yield order[start : start + batch_size]


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor, step: int) -> float:
    """One step of training; returns the loss. All errors come before the weights change."""
    if not getattr(loss, "requires_grad", False):
        raise ValueError("the loss has no gradient: make vectors with encoder.embed, not encode")
    value = loss.item()
    if not math.isfinite(value):
        shown = "NaN" if math.isnan(value) else value
        raise FloatingPointError(f"the loss is {shown} at step {step}: try a lower learning rate")
    # how the loss changes with each weight
    optimizer.zero_grad()
    loss.backward()
    groups = [group["params"] for group in optimizer.param_groups]
    if all(weight.grad is None for group in groups for weight in group):
        raise ValueError("the loss does not depend on these parameters: are they another model's?")
    # a gradient longer than 1 is made 1 long, so that one wild batch cannot do much
    lengths = [torch.nn.utils.clip_grad_norm_(group, 1.0) for group in groups]
    if not all(length.isfinite() for length in lengths):
        optimizer.zero_grad()
        raise FloatingPointError(
            f"the gradient is not a finite number at step {step}, though the loss is {value:.3g}: "
            "look for a square root or a division at 0"
        )
    # one small change of every weight, which the stop button cannot cut in two
    with no_interrupt():
        optimizer.step()
    return value
