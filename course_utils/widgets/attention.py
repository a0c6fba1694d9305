"""Who looks at whom: the attention explorer."""

from __future__ import annotations

from functools import lru_cache

import ipywidgets as w
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

    Row i says where token i looks, and sums to 1. Raises the same errors as ``attention_of``, and
    ValueError for a layer or head that the encoder does not have.
    """
    tokens, maps = attention_of(sentence, encoder)
    layers, heads = maps.shape[:2]
    if not (1 <= layer <= layers and 0 <= head <= heads):
        raise ValueError(f"{encoder} has the layers 1 to {layers} and the heads 1 to {heads}")
    if head == 0:
        return tokens, maps[layer - 1].mean(axis=0)
    return tokens, maps[layer - 1, head - 1]


def attention_html(tokens: list[str], weights: np.ndarray, numbers: bool) -> str:
    """A table of ``weights (t, t)``: shades, with ``numbers`` as numbers, too; how to read it."""
    largest = float(weights.max())
    hint = "" if numbers else "; point at a cell for its weight, or tick “numbers”"
    return parts.heat_table(
        weights, tokens, tokens, 0, largest, numbers=numbers, colors="Blues"
    ) + parts.note(f"A row shows where its token looks. Darkest: <b>{largest:.2f}</b>{hint}.")


def attention_explorer(sentence: str, encoder: str = "minilm", layer: int = 1, head: int = 0):
    """Who looks at whom: a field for the sentence, encoder, layer, head; a table of weights.

    It opens on ``layer`` and ``head``, counted from 1; head 0 is the mean of all heads. Displays
    itself and returns the ipywidgets box. Raises the same errors as ``attention_weights``.
    """
    attention_weights(sentence, encoder, layer, head)
    controls, picture = _controls(sentence, encoder, layer), w.HTML()
    typed, which, layers, heads, numbers = controls

    def fit_sliders():
        """As many layers and heads to choose from as the encoder has."""
        layers.max, count = attention_of(typed.value, which.value)[1].shape[:2]
        options = [("mean of heads", 0), *((str(i), i) for i in range(1, count + 1))]
        if len(heads.options) != len(options):
            heads.options = options

    def draw():
        fit_sliders()
        chosen = attention_weights(typed.value, which.value, layers.value, heads.value)
        return attention_html(*chosen, numbers.value)

    parts.wait_for(which, picture)
    fit_sliders()
    heads.value = head
    parts.follow(controls, picture, draw)
    box = w.VBox([typed, parts.row(*controls[1:]), picture])
    figure = attention_figure(sentence, encoder, layer, head)
    plots.show(figure, f"Attention explorer: who looks at whom in “{sentence}”", widget=box)
    return box


def _controls(sentence: str, encoder: str, layer: int) -> list:
    short = parts.sized(215, 60)
    return [
        parts.text_field(sentence, "sentence"),
        w.Dropdown(
            options=["minilm", "course-bert"], value=encoder, description="encoder", **short
        ),
        w.IntSlider(value=layer, min=1, max=layer, description="layer", **short),
        w.SelectionSlider(
            options=[("mean of heads", 0)], description="head", **parts.sized(340, 50)
        ),
        w.Checkbox(description="numbers", indent=False, layout=w.Layout(width="100px")),
    ]


def attention_figure(sentence: str, encoder: str, layer: int, head: int):
    """The same table as a matplotlib figure, for places without a kernel."""
    tokens, weights = attention_weights(sentence, encoder, layer, head)
    fig, ax = plots.plt.subplots(figsize=(7, 6))
    ax.imshow(weights, cmap="Blues", vmin=0)
    ax.set_xticks(range(len(tokens)), tokens, rotation=90, parse_math=False)
    ax.set_yticks(range(len(tokens)), tokens, parse_math=False)
    ax.set_title(f"{encoder}, layer {layer}, {f'head {head}' if head else 'mean of heads'}")
    return fig
