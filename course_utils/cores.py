"""Batches side by side: each core computes batches of its own, forth and back.

Sharing out every single operation makes the cores wait for each other at its end, and the
operations of a small network on short sentences are many and small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


def useful(model: torch.nn.Module, batches: int) -> int:
    """How many cores can take batches of their own; 1 on another device than the processor."""
    return min(torch.get_num_threads(), batches) if model.device.type == "cpu" else 1


@contextmanager
def workers(count: int) -> Iterator[Callable[[Callable, Iterable], Iterable]]:
    """A ``map`` on ``count`` cores, its results in order; the plain ``map`` for a single one."""
    if count == 1:
        yield map
        return
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)  # after an interrupt: not the rest as well
        torch.set_num_threads(threads)  # of threads to come: they start with what was set last


def with_gradient(model: torch.nn.Module, pool: Callable, batches: Sequence) -> torch.Tensor:
    """``torch.cat([pool(batch) for batch in batches])``: ``(n, dim)``, with gradient.

    Side by side where that changes nothing: random numbers of dropout would depend on which core
    asks first, and a worker knows nothing of a surrounding ``autocast``.
    """
    random = any(
        isinstance(part, torch.nn.Dropout) and part.p and part.training for part in model.modules()
    )
    plain = random or not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")
    count = 1 if plain else useful(model, len(batches))
    if count == 1:
        return torch.cat([pool(batch) for batch in batches])
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return _SideBySide.apply(count, pool, batches, *weights)


class _SideBySide(torch.autograd.Function):
    """A graph for each batch, walked forth and back by the workers."""

    @staticmethod
    def forward(ctx, count, pool, batches, *weights):
        ctx.count, ctx.weights = count, weights
        with workers(count) as compute:  # gradients are off in this thread only, not in theirs
            ctx.made = list(compute(pool, batches))
        return torch.cat([vectors.detach() for vectors in ctx.made])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        def work(pair):
            return torch.autograd.grad(pair[0], ctx.weights, pair[1], allow_unused=True)

        pairs = zip(ctx.made, gradient.split([len(made) for made in ctx.made]), strict=True)
        with workers(ctx.count) as compute:
            parts = list(compute(work, pairs))
        # in a fixed order: a sum does not depend on which core was first
        sums = [None if of[0] is None else sum(of[1:], of[0]) for of in zip(*parts, strict=True)]
        return None, None, None, *sums
