"""Which tokens count, and how: the pooling explorer."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from textwrap import shorten

import ipywidgets as w
import torch

from course_utils import plots, similarity
from course_utils.pooling import POOLINGS
from course_utils.widgets import parts


@lru_cache(maxsize=8)
def token_states(sentences: tuple[str, ...], encoder: str):
    """``(states (b, t, d), attention_mask (b, t))`` of all sentences in one padded batch."""
    batch = parts.encoder(encoder).tokenize(sentences)
    with torch.inference_mode():
        return parts.encoder(encoder).model(**batch).last_hidden_state, batch["attention_mask"]


def pooled_similarity(sentences, encoder: str, pooling: str, count_padding: bool):
    """``(cosines (n, n), note)``: how alike the sentences' vectors are, and what was pooled.

    encoder: "glove" (always the mean of its words), "course-bert" or "minilm"; pooling: a key of
    ``POOLINGS``; ``count_padding`` takes padding for words, which is the classic bug. Raises
    ValueError for a sentence that is empty, too long, or without any word that GloVe knows.
    """
    sentences = tuple(parts.checked(text, f"sentence {i}") for i, text in enumerate(sentences, 1))
    if encoder == "glove":
        vectors = _glove_vectors(sentences)
        return similarity.cosine_similarity(vectors, vectors), "GloVe: the mean of the words"
    # all tokens of all sentences, padded to the longest one: (b, t, d) and (b, t)
    states, mask = token_states(sentences, encoder)
    # the bug: every place counts, padding too
    counted = mask.new_ones(mask.shape) if count_padding else mask
    # one vector a sentence: (b, t, d) -> (b, d)
    vectors = POOLINGS[pooling](states, counted)
    real, padding = int(mask.sum()), mask.numel() - int(mask.sum())
    pooled = f"{real} tokens and {padding} of padding" if count_padding else f"{real} tokens"
    note = {
        "cls": f"each vector is that of its [CLS] alone (of {real} tokens in all)",
        "mean": f"each vector is the mean of its own tokens ({pooled} in all)",
        "max": f"each vector is the largest values of its own tokens ({pooled} in all)",
    }
    return similarity.cosine_similarity(vectors, vectors), note[pooling]


def _glove_vectors(sentences: tuple[str, ...]):
    glove = parts.encoder("glove")
    for i, text in enumerate(sentences, 1):
        if not any(word in glove.index for word in glove.words(text)):
            raise ValueError(f"sentence {i} has no word that GloVe knows: {text}")
    return glove.encode(sentences)


def pooling_explorer(sentences):
    """Editable sentences (2 to 8), encoder, pooling, the padding bug on or off: their cosines.

    Displays itself and returns the ipywidgets box. Raises ValueError for another number of
    sentences, and the same errors as ``pooled_similarity``.
    """
    sentences = list(sentences)
    if not 2 <= len(sentences) <= 8:
        raise ValueError(f"give 2 to 8 sentences, six fit a slide well; got {len(sentences)}")
    figure = pooling_figure(sentences)
    numbers = [str(i) for i in range(1, len(sentences) + 1)]
    texts = zip(sentences, numbers, strict=True)
    fields = [parts.text_field(text, number, 420, 24) for text, number in texts]
    names, short = ["glove", "course-bert", "minilm"], parts.sized(220, 70)
    which = w.Dropdown(options=names, value="course-bert", description="encoder", **short)
    how = w.Dropdown(options=list(POOLINGS), description="pooling", **short)
    padding = w.Checkbox(description="count the padding", indent=False, **parts.sized(180))
    picture = w.HTML()

    def draw():
        how.disabled = padding.disabled = which.value == "glove"
        texts = [field.value for field in fields]
        cosines, note = pooled_similarity(texts, which.value, how.value, padding.value)
        return parts.heat_table(cosines, numbers, numbers) + parts.note(escape(note))

    parts.wait_for(which, picture)
    parts.follow((*fields, which, how, padding), picture, draw)
    box = w.VBox([parts.row(which, how, padding), parts.row(w.VBox(fields), picture)])
    plots.show(figure, "Pooling explorer: cosines between the sentences", widget=box)
    return box


def pooling_figure(sentences: list[str]):
    """The cosines of course-bert's mean vectors as a figure, for places without a kernel."""
    cosines, _ = pooled_similarity(sentences, "course-bert", "mean", False)
    numbers = [str(i) for i in range(1, len(sentences) + 1)]
    texts = [shorten(text, 34, placeholder=" …").replace("$", r"\$") for text in sentences]
    labels = [f"{text}  {number}" for text, number in zip(texts, numbers, strict=True)]
    fig, ax = plots.plt.subplots(figsize=(8, 5))
    plots.heatmap(ax, cosines, labels, numbers)
    ax.set_xticks(range(len(numbers)), numbers, rotation=0, ha="center")
    ax.set_title("course-bert, mean pooling: cosine")
    return fig
