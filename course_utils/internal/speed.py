"""What makes encoders fast: packed rows, one core for each batch, bfloat16.

Packing is for training. Every position of a row is computed, padding as well as words, forward and
backward. So several texts share a row: an attention mask with a block for each text keeps them
apart, and positions start again at 0. (Krell et al. 2021 pack like this for pre-training.)
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from tqdm.auto import tqdm

WIDTH = 96  # positions in a row: more leave fewer holes, but each position looks at all of its row


def rows_of(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Which texts share a row of ``width`` positions: the longest first, into the first with room.

    A text longer than ``width`` has a row of its own.

    >>> rows_of([5, 2, 9, 4], 9)
    [[2], [0, 3], [1]]
    """
    rows, room = [], []
    for text in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
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
    ``attention_mask`` ``(r, 1, w, w)`` bool, and ``owner`` ``(r, w)`` int64: a text's number, -1
    where a row is empty. Position 0 stands once for each text.
    """
    lengths = [len(ids) for ids in texts]
    rows = rows_of(lengths, WIDTH)
    shape = len(rows), max(sum(lengths[i] for i in row) for row in rows)
    input_ids, position_ids = torch.zeros(shape, dtype=torch.long), torch.ones(shape).long()
    owner = torch.full(shape, -1)
    for row, members in enumerate(rows):
        filled = [token for i in members for token in texts[i]]
        input_ids[row, : len(filled)] = torch.tensor(filled)
        position_ids[row, : len(filled)] = torch.cat([torch.arange(lengths[i]) for i in members])
        owner[row, : len(filled)] = torch.tensor([i for i in members for _ in texts[i]])
    together = owner[:, None, :, None] == owner[:, None, None, :]
    batch = {"input_ids": input_ids, "position_ids": position_ids, "attention_mask": together}
    return batch, owner


def unpack(states: torch.Tensor, owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Token vectors ``(r, w, dim)`` as ``(n, t, dim)``, a row for each text, and their mask.

    The mask is ``(n, t)`` int64, as a tokenizer gives it: 1 for a token, 0 for padding.
    """
    owner = owner.flatten()
    lengths = owner[owner >= 0].bincount()
    order = owner.argsort(stable=True)[-int(lengths.sum()) :].to(states.device)
    parts = states.flatten(0, 1)[order].split(lengths.tolist())
    padded = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    return padded, mask.long().to(states.device)


def can_pack(model) -> bool:
    """Whether ``run_packed`` can run this model: a BERT whose attention takes a block mask."""
    return model.config.model_type == "bert" and model.config._attn_implementation == "sdpa"


def run_packed(model, texts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token vectors ``(n, t, dim)`` and mask ``(n, t)`` of texts given as token ids, packed."""
    batch, owner = pack_rows(texts)
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    return unpack(model(**batch).last_hidden_state, owner)


def run_batches(model, compute, batches: list, show_progress: bool) -> None:
    """Call ``compute(batch)`` for every batch, without gradient and without dropout.

    On a processor each core computes batches of its own: sharing out every single operation makes
    the cores wait for each other.
    """
    threads = torch.get_num_threads()
    cores = min(threads, len(batches)) if model.device.type == "cpu" else 1

    @torch.inference_mode()
    def work(batch):
        if cores > 1:
            torch.set_num_threads(1)  # for this worker only
        compute(batch)

    training, pool = model.training, ThreadPoolExecutor(cores) if cores > 1 else None
    model.eval()
    try:
        done = (pool.map if pool else map)(work, batches)
        for _ in progress(done, show_progress, len(batches)):
            pass
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)  # after an interrupt the other batches are dropped
        torch.set_num_threads(threads)  # new threads inherit the last value, so restore it
        model.train(training)


def native_bfloat16(device: torch.device) -> bool:
    """Whether this machine multiplies bfloat16 natively: AVX512-BF16, AMX, or a CUDA device."""
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return native or device.type == "cuda"


def progress(items, show: bool, total: int | None = None):
    """``items`` with a progress bar that is removed at the end; no bar unless ``show``."""
    return tqdm(items, leave=False, disable=not show, total=total)
