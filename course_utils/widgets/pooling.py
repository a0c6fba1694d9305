"""Which tokens count, and how: the pooling explorer."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from textwrap import shorten

from course_utils import plots, similarity
from course_utils.pooling import POOLINGS
from course_utils.widgets import parts


@lru_cache(maxsize=8)
def token_states(sentences: tuple[str, ...], encoder: str):
    """``(states (b, t, d), attention_mask (b, t))`` of all sentences in one padded batch."""
    import torch

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
        glove = parts.encoder("glove")
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


def pooling_explorer(sentences):
    """Editable sentences (2 to 8), encoder, pooling, the padding bug on or off: their cosines.

    Displays itself and returns the ipywidgets box. Raises ValueError for another number of
    sentences, and as ``pooled_similarity``.
    """
    import ipywidgets as w

    sentences = list(sentences)
    if not 2 <= len(sentences) <= 8:
        raise ValueError(f"give 2 to 8 sentences, six fit a slide well; got {len(sentences)}")
    start, _ = pooled_similarity(sentences, "course-bert", "mean", False)
    numbers = [str(i) for i in range(1, len(sentences) + 1)]
    fields = [
        parts.text_field(text, number, 440, 24)
        for text, number in zip(sentences, numbers, strict=True)
    ]
    names = ["glove", "course-bert", "minilm"]
    which = w.Dropdown(options=names, value="course-bert", description="encoder")
    how = w.Dropdown(options=list(POOLINGS), description="pooling")
    padding = w.Checkbox(description="count the padding")
    picture = w.HTML()

    def draw():
        how.disabled = padding.disabled = which.value == "glove"
        texts = [field.value for field in fields]
        cosines, note = pooled_similarity(texts, which.value, how.value, padding.value)
        return (
            parts.heat_table(cosines, numbers, numbers)
            + f'<p style="font-size:17px;margin:6px 0">{escape(note)}</p>'
        )

    which.observe(lambda _: parts.say(picture, "one moment …"), "value")
    parts.follow((*fields, which, how, padding), picture, draw)
    box = w.VBox([w.HBox([which, how, padding]), w.HBox([w.VBox(fields), picture])])
    fig, ax = plots.plt.subplots(figsize=(8, 5))
    texts = [shorten(text, 34, placeholder=" …").replace("$", r"\$") for text in sentences]
    labels = [f"{text}  {number}" for text, number in zip(texts, numbers, strict=True)]
    plots.heatmap(ax, start, labels, numbers)
    ax.set_xticks(range(len(numbers)), numbers, rotation=0, ha="center")
    ax.set_title("course-bert, mean pooling: cosine")
    plots.show(fig, "Pooling explorer: cosines between the sentences", widget=box)
    return box
