"""What the explorers show, as plain functions: numbers of a model for a reader's sentence, as HTML.

Each takes what the reader typed and raises ValueError with a message that says what to do, for
the widget to show. Results that cost a pass through a model are kept, so that a slider is quick.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape

import numpy as np

from course_utils import attention, encoders, masked, plots, similarity
from course_utils.pooling import POOLINGS

MOST_TOKENS = 26  # a larger table is wider than a cell
MOST_LETTERS = 300


def checked(sentence: str, name: str = "the sentence") -> str:
    """The sentence; ValueError says what to do when it is empty or very long."""
    if not sentence.strip():
        raise ValueError(f"{name} is empty: type some words and press Enter")
    if len(sentence) > MOST_LETTERS:
        raise ValueError(f"{name} is too long: keep it under {MOST_LETTERS} letters")
    return sentence


@lru_cache(maxsize=4)
def _encoder(name: str):
    return encoders.load(name)


@lru_cache(maxsize=16)
def attention_of(sentence: str, encoder: str = "minilm") -> tuple[list[str], np.ndarray]:
    """Tokens and attention weights ``(layers, heads, t, t)`` float32 of one sentence.

    encoder: "minilm" or "course-bert". Raises ValueError for another one, and for a sentence
    that is empty or too long for a table.
    """
    if encoder not in ("minilm", "course-bert"):
        raise ValueError(f"choose minilm or course-bert to see attention; got {encoder!r}")
    tokens, maps = attention.attention_maps(_encoder(encoder), checked(sentence))
    if len(tokens) > MOST_TOKENS:
        raise ValueError(
            f"these are {len(tokens)} tokens, and the table holds {MOST_TOKENS}: use fewer words"
        )
    return tokens, maps.numpy()


def attention_weights(sentence: str, encoder: str, layer: int, head: int):
    """``(tokens, weights (t, t))`` of a layer and a head, counted from 1; head 0 is their mean.

    Row i says where token i looks, and sums to 1. Raises as ``attention_of``, and ValueError for
    a layer or head that the encoder does not have.
    """
    tokens, maps = attention_of(sentence, encoder)
    layers, heads = maps.shape[:2]
    if not (1 <= layer <= layers and 0 <= head <= heads):
        raise ValueError(f"{encoder} has the layers 1 to {layers} and the heads 1 to {heads}")
    return tokens, maps[layer - 1].mean(axis=0) if head == 0 else maps[layer - 1, head - 1]


def mask_candidates(sentence: str, count: int) -> list[masked.Candidate]:
    """The ``count`` best words of course-bert for the one ``[MASK]`` in the sentence.

    Raises ValueError as ``checked`` and ``masked.fill_mask``.
    """
    return masked.fill_mask(checked(sentence), top_k=count)


def candidates_html(candidates) -> str:
    """Candidates as an HTML table of bars, and what all other words have together."""
    rows = "".join(
        f'<tr><td style="text-align:right;padding:0 10px">{escape(c.word)}</td>'
        '<td style="white-space:nowrap"><div style="display:inline-block;vertical-align:middle;'
        f"height:20px;min-width:2px;width:{500 * c.probability:.1f}px;"
        f'background:{plots.COLORS["course-bert"]}"></div>'
        f' <span class="probability">{c.probability:.1%}</span></td></tr>'
        for c in candidates
    )
    rest = max(0.0, 1 - sum(c.probability for c in candidates))
    return (
        f'<table style="font-size:17px;line-height:1.45">{rows}</table>'
        f'<p style="font-size:17px;margin:6px 0">all other words together: <b>{rest:.1%}</b></p>'
    )


@lru_cache(maxsize=8)
def token_states(sentences: tuple[str, ...], encoder: str):
    """``(states (b, t, d), attention_mask (b, t))`` of all sentences in one padded batch."""
    import torch

    batch = _encoder(encoder).tokenize(sentences)
    with torch.inference_mode():
        return _encoder(encoder).model(**batch).last_hidden_state, batch["attention_mask"]


def pooled_similarity(sentences, encoder: str, pooling: str, count_padding: bool):
    """``(cosines (n, n), note)``: how alike the sentences' vectors are, and what was pooled.

    encoder: "glove" (always the mean of its words), "course-bert" or "minilm"; pooling: a key of
    ``POOLINGS``; ``count_padding`` takes padding for words, which is the classic bug. Raises
    ValueError for a sentence that is empty, too long, or without any word that GloVe knows.
    """
    sentences = tuple(checked(text, f"sentence {i}") for i, text in enumerate(sentences, 1))
    if encoder == "glove":
        glove = _encoder("glove")
        for i, text in enumerate(sentences, 1):
            if not any(word in glove.index for word in glove.words(text)):
                raise ValueError(f"sentence {i} has no word that GloVe knows: {text}")
        vectors = glove.encode(sentences)
        return similarity.cosine_similarity(vectors, vectors), "GloVe: the mean of the words"
    states, mask = token_states(sentences, encoder)
    vectors = POOLINGS[pooling](states, mask.new_ones(mask.shape) if count_padding else mask)
    real = int(mask.sum())
    padding = f" and {mask.numel() - real} of padding" if count_padding else ""
    note = {
        "cls": f"the vector of [CLS] alone, of {real} tokens",
        "mean": f"the mean of {real} tokens{padding}",
        "max": f"the largest values of {real} tokens{padding}",
    }
    return similarity.cosine_similarity(vectors, vectors), note[pooling]


def heat_table(matrix, rows, columns, low=0.0, high=1.0, numbers=True, colors="viridis") -> str:
    """``matrix (n, m)`` as an HTML table: shade from ``low`` to ``high``, the value on hover.

    ``numbers`` writes the value into the cell as well, black or white, whichever contrasts more.
    """
    matrix = np.asarray(matrix, dtype=float)
    shades = plots.plt.get_cmap(colors)((matrix - low) / (high - low))[..., :3]
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    bright = linear @ [0.2126, 0.7152, 0.0722] > 0.179  # there black and white contrast alike
    size = 58 if numbers else 27
    turned = "writing-mode:vertical-rl;transform:rotate(180deg)" if not numbers else ""
    heads = "".join(
        f'<th style="font-weight:normal;padding:4px 0;min-width:{size}px;{turned}">{escape(name)}'
        "</th>"
        for name in columns
    )
    lines = [f"<tr><td></td>{heads}</tr>"]
    for i, row in enumerate(rows):
        cells = []
        for j, column in enumerate(columns):
            value = f"{matrix[i, j]:.2f}"
            red, green, blue = (255 * shades[i, j]).round().astype(int)
            ink = "black" if bright[i, j] else "white"
            cells.append(
                f'<td title="{escape(row)} → {escape(column)}: {value}" style="color:{ink};'
                f'background:rgb({red},{green},{blue})">{value if numbers else ""}</td>'
            )
        name = f'<th style="font-weight:normal;text-align:right;padding:0 8px">{escape(row)}</th>'
        lines.append(f'<tr style="height:{round(0.8 * size)}px">{name}{"".join(cells)}</tr>')
    style = "font-size:17px;line-height:1.2;text-align:center;border-spacing:1px"
    return f'<table class="heat" style="{style}">{"".join(lines)}</table>'
