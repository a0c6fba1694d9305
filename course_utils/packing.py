"""Several texts in one row, so that no time goes into padding: for training.

Every position of a row is computed, padding like words, forth and back. Texts that share a row
must not see each other: an attention mask with a block for each text keeps them apart, and
positions begin anew. (Krell et al. 2021 pack so for pre-training.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

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


def pack(texts: Sequence[Sequence[int]]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
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
