"""What pre-training reads: lines of text become tokens, rows, batches and masks.

WordPiece (Wu et al. 2016) as BERT has it, uncased. Rows are cut from one long stream of tokens.
BERT's 80/10/10 masking (Devlin et al. 2019, section 3.1).
"""

from __future__ import annotations

import lzma
import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import WordPieceTrainer

from course_utils.internal.network import load_dataset

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
HELD_OUT_EVERY = 200  # every 200th line is held out: 0.5 %
MAX_VOCABULARY = 2**16  # token ids are stored in 16 bits


def read_lines(sources: list[str]) -> Iterator[str]:
    """Yield the non-empty lines of text files (plain or .xz), or of a hub data set's ``text``.

    A source that is not a file is taken as ``name`` or ``name:config`` of a hub data set.
    Raises FileNotFoundError, naming the source, when it is neither.
    """
    for source in sources:
        if Path(source).is_file():
            opener = lzma.open if source.endswith(".xz") else open
            with opener(source, "rt", encoding="utf-8") as handle:
                yield from (line.strip() for line in handle if line.strip())
        else:
            rows = _hub_rows(source)
            yield from (row["text"].strip() for row in rows if row["text"].strip())


def _hub_rows(source: str):
    """The training rows of a hub data set, read one after the other."""
    try:
        return load_dataset(source, split="train", streaming=True)
    except Exception as error:
        raise FileNotFoundError(
            f"{source!r} is neither a text file here nor a data set the hub would give "
            f"({type(error).__name__}). Name a .txt or .txt.xz file."
        ) from error


def lines_of(sources: list[str], heldout: bool) -> Iterator[str]:
    """The lines to train on, or every 200th: those that are held out."""
    for number, line in enumerate(read_lines(sources), start=1):
        if (number % HELD_OUT_EVERY == 0) == heldout:
            yield line


def train_tokenizer(lines: Iterator[str], vocab_size: int = 8192) -> Tokenizer:
    """Train an uncased WordPiece tokenizer (Wu et al. 2016; BERT's normaliser and splitter).

    Its first five ids are ``SPECIAL``. Raises ValueError for a vocabulary over 65,536.
    """
    if not len(SPECIAL) < vocab_size <= MAX_VOCABULARY:
        raise ValueError(f"--vocab-size must be from 6 to {MAX_VOCABULARY:,}; got {vocab_size:,}")
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


def token_stream(tokenizer: Tokenizer, lines: Iterator[str], chunk: int = 20_000) -> np.ndarray:
    """Tokenize ``lines`` and join them, a ``[SEP]`` after each: ``(n,)`` uint16 token ids."""
    pieces = [np.zeros(0, dtype=np.uint16)]
    lines = iter(lines)
    # some thousand lines at a time, so that the text need not fit into memory
    while part := list(islice(lines, chunk)):
        encoded = tokenizer.encode_batch_fast(part, add_special_tokens=False)
        ids = chain.from_iterable((*line.ids, SEP) for line in encoded)
        pieces.append(np.fromiter(ids, dtype=np.uint16))
    return np.concatenate(pieces)


def sequences(stream: np.ndarray, length: int) -> np.ndarray:
    """Cut a token stream into rows ``[CLS] … [SEP]``: ``(n, length)``; the rest is dropped."""
    # two places of each row are for [CLS] and [SEP]
    body = length - 2
    n = len(stream) // body
    rows = np.empty((n, length), dtype=np.uint16)
    rows[:, 0] = CLS
    rows[:, 1:-1] = stream[: n * body].reshape(n, body)
    rows[:, -1] = SEP
    return rows


def sentence_spans(stream: np.ndarray, tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """Where each sentence starts, and how many tokens it has: two int arrays ``(n,)``.

    A sentence ends at ``. ! ?`` (and a closing quotation mark) or with its paragraph.
    """

    def is_one_of(marks):
        ids = [tokenizer.token_to_id(mark) for mark in marks]
        return np.isin(stream, [number for number in ids if number is not None])

    end = is_one_of(".!?")
    quotation = is_one_of("\"'”’")
    # a full stop ends a sentence, unless a quotation mark follows: then the mark ends it
    last = end & ~np.append(quotation[1:], False)
    last[1:] |= end[:-1] & quotation[1:]
    # so does the end of a paragraph, whose [SEP] is not part of the sentence
    paragraph = stream == SEP
    stops = np.flatnonzero(last | paragraph)
    starts = np.append(0, stops[:-1] + 1)
    stops = stops + ~paragraph[stops]
    return starts, stops - starts


def sentence_rows(
    stream: np.ndarray, tokenizer: Tokenizer, length: int, seed: int = 0
) -> np.ndarray:
    """Single sentences as rows ``[CLS] … [SEP] [PAD] …``: ``(n, length)`` uint16, short to long.

    A model that has only read long rows is helpless with a single sentence, which is what sentence
    encoders read. Sentences of fewer than 3 or more than ``length - 2`` tokens are left out.
    """
    stream = np.asarray(stream)
    starts, sizes = sentence_spans(stream, tokenizer)
    kept = (sizes >= 3) & (sizes <= length - 2)
    starts = starts[kept]
    sizes = sizes[kept]
    # sort by length; sentences of the same length in random order
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), sizes))
    starts = starts[order, None]
    sizes = sizes[order, None]
    # copy each sentence behind [CLS]: (n, length), padding where it has ended
    column = np.arange(length)[None]
    inside = (column >= 1) & (column <= sizes)
    rows = np.where(inside, stream[np.where(inside, starts + column - 1, 0)], PAD)
    rows[:, 0] = CLS
    np.put_along_axis(rows, sizes + 1, SEP, axis=1)
    return rows.astype(np.uint16)


def prepare(sources: list[str], out: Path, vocab_size: int) -> dict[str, np.ndarray]:
    """The token streams ``train`` and ``heldout``; made once with their tokenizer, kept in out."""
    vocabulary = out / "tokenizer.json"
    if not vocabulary.exists():
        print(f"training a WordPiece vocabulary of {vocab_size:,} …", flush=True)
        tokenizer = train_tokenizer(lines_of(sources, heldout=False), vocab_size)
        # under another name first: an interrupt leaves no half-written file behind
        tokenizer.save(str(vocabulary.with_suffix(".tmp")))
        os.replace(vocabulary.with_suffix(".tmp"), vocabulary)
    tokenizer = Tokenizer.from_file(str(vocabulary))
    streams = {}
    for part in ("train", "heldout"):
        path = out / f"tokens-{part}.npy"
        if not path.exists():
            print(f"tokenizing the {part} lines …", flush=True)
            stream = token_stream(tokenizer, lines_of(sources, heldout=part == "heldout"))
            np.save(path.with_suffix(".tmp.npy"), stream)
            os.replace(path.with_suffix(".tmp.npy"), path)
        streams[part] = np.load(path, mmap_mode="r")
    return streams


def mask_tokens(input_ids, rate: float, vocab_size: int, generator):
    """BERT's masking: choose ``rate`` of the tokens; 80 % [MASK], 10 % random, 10 % unchanged.

    input_ids: ``(b, t)`` int64. Special tokens are never chosen. Returns ``(masked, chosen)``:
    the ids to feed, ``(b, t)`` int64, and where a prediction is asked for, ``(b, t)`` bool.
    """
    # which tokens must be predicted
    draw = torch.rand(input_ids.shape, generator=generator)
    chosen = (draw < rate) & (input_ids >= len(SPECIAL))
    # what the model sees in their place
    kind = torch.rand(input_ids.shape, generator=generator)
    noise = torch.randint(len(SPECIAL), vocab_size, input_ids.shape, generator=generator)
    masked = torch.where(chosen & (kind < 0.8), MASK, input_ids)
    masked = torch.where(chosen & (kind >= 0.9), noise, masked)
    return masked, chosen


def batch_at(position: int, rows: np.ndarray, batch: int, seed: int):
    """Rows number position … position + batch of an endless stream, reshuffled every epoch."""
    chosen = []
    while len(chosen) < batch:
        # a batch may begin in one epoch and end in the next
        epoch, start = divmod(position + len(chosen), len(rows))
        order = _epoch_order(len(rows), seed, epoch)
        chosen.extend(order[start : start + batch - len(chosen)])
    return torch.from_numpy(rows[np.sort(chosen)].astype(np.int64))


def block_at(position: int, rows: np.ndarray, size: int, seed: int):
    """Block number ``position`` of ``size`` neighbouring rows, blocks reshuffled every epoch.

    Rows sorted by length make blocks of almost equal length; padding that all share is cut off.
    """
    blocks = len(rows) // size
    epoch, index = divmod(position, blocks)
    start = _epoch_order(blocks, seed, epoch)[index] * size
    block = rows[start : start + size]
    used = (block != PAD).any(axis=0).sum()
    return torch.from_numpy(block[:, :used].astype(np.int64))


@lru_cache(maxsize=4)
def _epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n)
