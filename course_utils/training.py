"""One short training loop for all objectives."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

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
