"""What makes encoders fast: packed rows, and a core for each batch.

Packing is for training. Every position of a row is computed, padding as well as words, forward and
backward. So several texts share a row: an attention mask with a block for each text keeps them
apart, and positions start again at 0. (Krell et al. 2021 pack like this for pre-training.)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock, RLock

import numpy as np
import torch
from tqdm.auto import tqdm

from course_utils.internal.interrupts import no_interrupt

WIDTH = 96  # positions in a row: more leave fewer holes, but each position looks at all of its row

# Held while a network runs: dropout and the number of threads are switched for all callers at once.
ONE_AT_A_TIME = RLock()


def rows_of(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Which texts share a row of ``width`` positions: the longest first, into the first with room.

    A text longer than ``width`` has a row of its own.

    >>> rows_of([5, 2, 9, 4], 9)
    [[2], [0, 3], [1]]
    """
    rows, room = [], []
    for text in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        # the first row with enough room, or a new one
        fitting = (row for row, free in enumerate(room) if free >= lengths[text])
        row = next(fitting, len(rows))
        if row == len(rows):
            rows.append([])
            room.append(width)
        rows[row].append(text)
        room[row] -= lengths[text]
    return rows


def pack_rows(texts: Sequence[Sequence[int]]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A batch of BERT's inputs with several texts in a row, and which text each position is of.

    texts: the token ids of each. Returns ``input_ids`` and ``position_ids`` ``(r, w)`` int64 and
    ``attention_mask`` ``(r, 1, w, w)`` float32, and ``owner`` ``(r, w)`` int64: a text's number,
    -1 where a row is empty. Position 0 appears once for each text.
    """
    rows = rows_of([len(ids) for ids in texts], WIDTH)
    width = max(sum(len(texts[i]) for i in row) for row in rows)
    # empty rows: padding tokens at a position that is not 0, of no text
    input_ids = torch.zeros(len(rows), width, dtype=torch.long)
    position_ids = torch.ones(len(rows), width, dtype=torch.long)
    owner = torch.full((len(rows), width), -1)
    # write the texts of a row one after the other
    for row, members in enumerate(rows):
        start = 0
        for i in members:
            place = slice(start, start + len(texts[i]))
            input_ids[row, place] = torch.tensor(texts[i])
            position_ids[row, place] = torch.arange(len(texts[i]))
            owner[row, place] = i
            start = place.stop
    # a position looks at its own text only: 0 is added there, -inf elsewhere: (r, 1, w, w)
    together = owner[:, None, :, None] == owner[:, None, None, :]
    mask = torch.zeros(together.shape).masked_fill(~together, -torch.inf)
    return {"input_ids": input_ids, "position_ids": position_ids, "attention_mask": mask}, owner


def unpack(states: torch.Tensor, owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Token vectors ``(r, w, dim)`` as ``(n, t, dim)``, a row for each text, and their mask.

    The mask is ``(n, t)`` int64, as a tokenizer gives it: 1 for a token, 0 for padding.
    """
    owner = owner.flatten()
    lengths = owner[owner >= 0].bincount()
    # sort positions by text; the empty ones (-1) come first and are left out
    order = owner.argsort(stable=True)[-int(lengths.sum()) :].to(states.device)
    # one piece for each text, padded to the longest: (r·w, dim) -> (n, t, dim)
    parts = states.flatten(0, 1)[order].split(lengths.tolist())
    padded = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    return padded, mask.long().to(states.device)


def can_pack(model) -> bool:
    """Whether ``run_packed`` can run this model: a BERT, whose positions begin at 0."""
    return model.config.model_type == "bert"


def run_packed(model, texts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token vectors ``(n, t, dim)`` and mask ``(n, t)`` of texts given as token ids, packed."""
    batch, owner = pack_rows(texts)
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    return unpack(model(**batch).last_hidden_state, owner)


def batches_by_length(lengths: Sequence[int], size: int) -> list[np.ndarray]:
    """Row numbers in batches of ``size``, the longest first, so that a batch needs little padding.

    Raises ValueError for a size below 1.
    """
    if size < 1:
        raise ValueError(f"batch_size must be 1 or more; got {size}")
    order = np.argsort([-length for length in lengths], kind="stable")
    return [order[i : i + size] for i in range(0, len(order), size)]


def run_batches(model, compute, batches: list, show_progress: bool) -> None:
    """Call ``compute(batch)`` for every batch, without gradient and without dropout.

    On a processor each core computes batches of its own: sharing out every single operation makes
    the cores wait for each other. Training mode and thread count are as before afterwards, also
    after an error or interrupt.
    """
    with ONE_AT_A_TIME:
        threads = torch.get_num_threads()
        modes = [(part, part.training) for part in model.modules()]
        cores = min(threads, len(batches)) if model.device.type == "cpu" else 1
        try:
            model.eval()
            if cores == 1:
                with torch.inference_mode():
                    for batch in progress(batches, show_progress):
                        compute(batch)
            else:
                _side_by_side(compute, batches, cores, show_progress)
        finally:
            torch.set_num_threads(threads)  # new threads inherit the last value, so restore it
            for part, training in modes:
                part.training = training


def _side_by_side(compute, batches: list, cores: int, show_progress: bool) -> None:
    """Each of ``cores`` workers takes the next batch and computes it on one thread."""
    answers = SimpleQueue()  # a stop while the main thread looks at a future could lock it for ever

    @torch.inference_mode()
    def work(batch) -> None:
        try:
            torch.set_num_threads(1)  # for this worker only
            compute(batch)
            answers.put(None)
        except BaseException as error:
            answers.put(error)

    pool = ThreadPoolExecutor(cores)
    try:
        with no_interrupt():  # a thread that is stopped while it starts would be lost
            for batch in batches:
                pool.submit(work, batch)
        for _ in progress(batches, show_progress):
            if error := answers.get():
                raise error
    finally:
        pool.shutdown(cancel_futures=True)  # after an interrupt the other batches are dropped


def progress(items, show: bool, total: int | None = None):
    """``items`` with a progress bar that is removed at the end; no bar unless ``show``."""
    # in a notebook tqdm itself does not look at this variable
    off = not show or os.environ.get("TQDM_DISABLE") == "1"
    return tqdm(items, leave=False, total=total, disable=off)


@contextmanager
def count_passes(encoder):
    """Count the sentences that go through an encoder's network.

    >>> with count_passes(encoder) as passes:   # doctest: +SKIP
    ...     encoder.encode(["one", "two"])
    >>> passes["sentences"]                      # doctest: +SKIP
    2
    """
    passes, lock = {"sentences": 0}, Lock()

    def hook(module, args, kwargs):
        if "position_ids" in kwargs:  # packed: a sentence begins at position 0
            count = int((kwargs["position_ids"] == 0).sum())
        else:
            count = len(kwargs["input_ids"] if "input_ids" in kwargs else args[0])
        with lock:  # workers compute batches at the same time
            passes["sentences"] += count

    handle = encoder.model.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield passes
    finally:
        handle.remove()
