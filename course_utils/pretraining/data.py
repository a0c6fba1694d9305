"""What pre-training reads: text lines to tokens, sequences, batches and masks.

Used by ``pretraining`` alone. WordPiece (Wu et al. 2016) as BERT has it, uncased; sequences packed
from paragraphs; BERT's 80/10/10 masking (Devlin et al. 2019, section 3.1).
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
HELD_OUT_EVERY = 200  # every 200th line is held out: 0.5 %


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


def sentence_rows(tokens: np.ndarray, tokenizer, length: int, seed: int = 0) -> np.ndarray:
    """Single sentences as rows ``[CLS] … [SEP] [PAD] …``: ``(n, length)`` uint16, short to long.

    Packed text alone leaves a model helpless with a lone sentence, which is what sentence encoders
    read. A sentence ends at ``. ! ?`` (and a closing quotation mark) or with its paragraph;
    those of fewer than 3 or more than ``length - 2`` tokens are left out.
    """
    ids = {mark: tokenizer.token_to_id(mark) for mark in ".!?\"'”’"}
    found = {mark: number for mark, number in ids.items() if number is not None}
    tokens = np.asarray(tokens)
    ends = np.isin(tokens, [found[mark] for mark in ".!?" if mark in found])
    quoted = np.isin(tokens, [found[mark] for mark in "\"'”’" if mark in found])
    last = ends & ~np.append(quoted[1:], False)
    last[1:] |= ends[:-1] & quoted[1:]
    paragraph = tokens == SEP
    stops = np.flatnonzero(last | paragraph)
    starts = np.append(0, stops[:-1] + 1)
    stops = stops + ~paragraph[stops]  # a paragraph's [SEP] is no part of its last sentence
    sizes = stops - starts
    kept = (sizes >= 3) & (sizes <= length - 2)
    starts, sizes = starts[kept], sizes[kept]
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), sizes))
    starts, sizes = starts[order, None], sizes[order, None]
    column = np.arange(length)[None]
    inside = (column >= 1) & (column <= sizes)
    rows = np.where(inside, tokens[np.where(inside, starts + column - 1, 0)], PAD)
    rows[:, 0] = CLS
    np.put_along_axis(rows, sizes + 1, SEP, axis=1)
    return rows.astype(np.uint16)


def block_at(position: int, rows: np.ndarray, size: int, seed: int):
    """Block number ``position`` of ``size`` neighbouring rows, blocks reshuffled every epoch.

    Rows sorted by length make blocks of almost equal length; padding that all share is cut off.
    """
    import torch

    epoch, index = divmod(position, len(rows) // size)
    block = rows[_epoch_order(len(rows) // size, seed, epoch)[index] * size :][:size]
    return torch.from_numpy(block[:, : (block != PAD).any(axis=0).sum()].astype(np.int64))


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


@lru_cache(maxsize=4)
def _epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n)
