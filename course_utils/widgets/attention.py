"""Who looks at whom: the attention explorer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_utils import attention, plots
from course_utils.widgets import parts

MOST_TOKENS = 26  # a larger table is wider than a cell


@lru_cache(maxsize=16)
def attention_of(sentence: str, encoder: str = "minilm") -> tuple[list[str], np.ndarray]:
    """Tokens and attention weights ``(layers, heads, t, t)`` float32 of one sentence.

    encoder: "minilm" or "course-bert". Raises ValueError for another one, and for a sentence
    that is empty or too long for a table.
    """
    if encoder not in ("minilm", "course-bert"):
        raise ValueError(f"choose minilm or course-bert to see attention; got {encoder!r}")
    tokens, maps = attention.attention_maps(parts.encoder(encoder), parts.checked(sentence))
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


def attention_explorer(sentence: str, encoder: str = "minilm", layer: int = 1, head: int = 0):
    """Who looks at whom: a field for the sentence, encoder, layer, head; a table of weights.

    It opens on ``layer`` and ``head``, counted from 1; head 0 is the mean of all heads. Displays
    itself and returns the ipywidgets box. Raises as ``attention_weights``.
    """
    import ipywidgets as w

    tokens, weights = attention_weights(sentence, encoder, layer, head)
    typed = parts.text_field(sentence, "sentence")
    short = {"style": {"description_width": "60px"}, "layout": w.Layout(width="215px")}
    which = w.Dropdown(
        options=["minilm", "course-bert"], value=encoder, description="encoder", **short
    )
    layers = w.IntSlider(value=layer, min=1, max=layer, description="layer", **short)
    heads = w.SelectionSlider(
        options=[("mean of heads", 0)], description="head", layout=w.Layout(width="390px")
    )
    picture = w.HTML()

    def fit_sliders(maps):
        layers.max, count = maps.shape[:2]
        if len(heads.options) != count + 1:
            heads.options = [("mean of heads", 0), *((str(i), i) for i in range(1, count + 1))]

    def draw():
        fit_sliders(attention_of(typed.value, which.value)[1])
        chosen = typed.value, which.value, layers.value, heads.value
        tokens, weights = attention_weights(*chosen)
        largest = float(weights.max())
        table = parts.heat_table(weights, tokens, tokens, 0, largest, numbers=False, colors="Blues")
        return (
            f'{table}<p style="font-size:17px;margin:6px 0">A row shows where its token looks. '
            f"Darkest: <b>{largest:.2f}</b>; point at a cell for its weight.</p>"
        )

    which.observe(lambda _: parts.say(picture, "one moment …"), "value")  # while it is loaded
    fit_sliders(attention_of(sentence, encoder)[1])
    heads.value = head
    parts.follow((typed, which, layers, heads), picture, draw)
    box = w.VBox([typed, w.HBox([which, layers, heads]), picture])
    fig, ax = plots.plt.subplots(figsize=(7, 6))
    ax.imshow(weights, cmap="Blues", vmin=0)
    ax.set_xticks(range(len(tokens)), tokens, rotation=90, parse_math=False)
    ax.set_yticks(range(len(tokens)), tokens, parse_math=False)
    ax.set_title(f"{encoder}, layer {layer}, {f'head {head}' if head else 'mean of heads'}")
    plots.show(fig, f"Attention explorer: who looks at whom in “{sentence}”", widget=box)
    return box
