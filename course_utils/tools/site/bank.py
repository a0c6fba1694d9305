"""The question bank as a script, so that a page can search it: texts, vectors, and the encoder.

A page that is opened from disk may fetch nothing, but it may load scripts. So the weights of
course-sbert are written as text: whole numbers of 11 bits, 13 bits in two printable characters
(base64 takes 8 % more). Fewer bits are not enough: with 8, more than a quarter of 989 searches
showed other hits, whose cosines were more than 0.001 lower. With 11, and 8 for the vectors of the
bank, none of 500 did.
"""

from __future__ import annotations

import json
import re
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from course_utils import datasets, encoders, plots
from course_utils.similarity import normalize

NAME = "course-sbert"
WEIGHT_BITS, VECTOR_BITS = 11, 8
GROUP = 64  # so many numbers share a scale
UNUSED = "pooler."  # parts of the network that mean pooling does not need
ABOUT = """All questions of notebook 4's bank, searched in this page. The encoder is
<b>course-sbert</b>, the course's own, with 256 dimensions; it knows English only. The notebook's
box uses all-MiniLM-L6-v2, which finds far more, but is too large for a page. Cosines of two
encoders are on different scales: a threshold chosen for one does not fit the other."""


def write(path: Path) -> None:
    """Write ``questionBank = {…};`` to ``path``: all that ``page/search-box.js`` needs."""
    text = json.dumps(contents(), ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"questionBank = {text};\n", encoding="utf-8")


def closed_box(question: str, data: Path) -> str:
    """The HTML of a closed search box, whose size is that of the file ``data``."""
    size = round(data.stat().st_size / 1e6)
    return (
        f'<details class="bank" data-question="{escape(question)}"><summary>Search the bank here, '
        f"without a kernel (loads {size} MB)</summary><p>{ABOUT}</p></details>"
    )


def contents() -> dict:
    """The bank's texts and vectors, the encoder's weights, settings and tokenizer."""
    encoder, texts = encoders.load(NAME), datasets.load_questions()["text"]
    # vectors of length 1, stored around their mean: what is left is smaller, so 8 bits say more
    vectors = normalize(encoder.encode(texts))
    mean = vectors.mean(axis=0).astype(np.float16)
    state = {k: v.numpy() for k, v in encoder.model.state_dict().items() if UNUSED not in k}
    config = encoder.model.config
    return {
        "settings": {
            "size": encoder.dim,
            "layers": config.num_hidden_layers,
            "heads": config.num_attention_heads,
        },
        "matrices": {k: scaled(v, WEIGHT_BITS) for k, v in state.items() if v.ndim == 2},
        "vectors": {k: halves(v) for k, v in state.items() if v.ndim == 1},
        "tokens": tokenizer(encoder),
        "texts": texts,
        "bank": {"mean": halves(mean), "around": scaled(vectors - mean, VECTOR_BITS)},
        "color": plots.COLORS["query"],
    }


# ---- Numbers as text ----------------------------------------------------------------------------


def as_text(numbers: np.ndarray, bits: int) -> str:
    """Whole numbers from 0 to 2**bits - 1 as printable characters, 13 bits in two."""
    # one row of bits for each number, the highest first: (n, bits)
    two_bytes = numbers.astype(">u2").reshape(-1, 1).view(np.uint8)
    row = np.unpackbits(two_bytes, axis=1)[:, -bits:].ravel()
    # cut into pieces of 13: (pieces, 13), each of them a number up to 8191 < 91 * 91
    row = np.append(row, np.zeros(-len(row) % 13, np.uint8)).reshape(-1, 13)
    pieces = np.packbits(row, axis=1).view(">u2")[:, 0] >> 3
    pairs = np.stack(np.divmod(pieces, 91), axis=1)
    # the characters from "#" to "~", without the backslash
    codes = pairs + 35
    return (codes + (codes >= 92)).astype(np.uint8).tobytes().decode("ascii")


def halves(numbers: np.ndarray) -> str:
    """Numbers as text in float16."""
    return as_text(numbers.astype("<f2").view("<u2"), 16)


def scaled(numbers: np.ndarray, bits: int) -> dict:
    """Numbers as whole ones from -top to top, and the largest of each ``GROUP`` as their scale."""
    top = 2 ** (bits - 1) - 1
    groups = numbers.astype(np.float64).reshape(-1, GROUP)
    # float16, rounded up, so that no number is larger than its scale
    largest = np.abs(groups).max(axis=1).astype(np.float16)
    largest = np.nextafter(largest, np.float16(np.inf))
    whole = np.round(groups / largest[:, None].astype(np.float64) * top)
    return {
        "count": numbers.size,
        "bits": bits,
        "scales": halves(largest),
        "numbers": as_text(whole + top, bits),
    }


# ---- The tokenizer's rules -----------------------------------------------------------------------


def tokenizer(encoder) -> dict:
    """What ``page/encoder.js`` must know to cut a text into the same tokens as Python."""
    rules = encoder.tokenizer.backend_tokenizer
    vocabulary = rules.get_vocab()
    dropped, alone = character_sets(rules)
    return {
        "vocabulary": sorted(vocabulary, key=vocabulary.get),
        "special": encoder.tokenizer.all_special_tokens,
        "dropped": dropped,
        "alone": alone,
        "longest": encoder.max_length,
    }


def character_sets(rules) -> tuple[str, str]:
    """Which characters the tokenizer drops, and which it makes a word of their own.

    The tokenizer is asked, since a browser may know another edition of Unicode. Both are written as
    for a regular expression of JavaScript.
    """
    # all characters that are in use: planes 0 to 3, some of plane 14; no halves of pairs, no digits
    codes = [*range(0x30), *range(0x3A, 0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000)]
    left = rules.normalizer.normalize_str("".join(f"0{chr(code)}1" for code in codes))
    left = re.findall("0([^01]*)1", left)
    dropped = [code for code, rest in zip(codes, left, strict=True) if not rest]
    words = rules.pre_tokenizer.pre_tokenize_str(" ".join(f"0{chr(code)}1" for code in codes))
    words = {word for word, _ in words}
    alone = [code for code in codes if chr(code) in words]
    return ranges(dropped) + r"\p{Co}", ranges(alone)


def ranges(codes: list[int]) -> str:
    r"""Sorted code points as the inside of ``[…]``: 1, 2, 3, 7 are ``\u{1}-\u{3}\u{7}-\u{7}``."""
    ends = [i for i, (a, b) in enumerate(pairwise(codes), 1) if b != a + 1]
    starts, ends = [0, *ends], [*ends, len(codes)]
    pairs = zip(starts, ends, strict=True)
    return "".join(rf"\u{{{codes[a]:x}}}-\u{{{codes[b - 1]:x}}}" for a, b in pairs)
