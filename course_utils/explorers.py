"""Live widgets that look into a model: attention, the word for ``[MASK]``, pooling, triplets.

What they compute stands in plain functions (``views``, ``geometry``); they only show it. A mistake
of the reader's becomes a plain message in the picture's place, and every text is escaped. A
sentence counts when Enter is pressed or the field is left: time to predict first.
"""

from __future__ import annotations

from html import escape
from textwrap import shorten

from course_utils import geometry, plots, views
from course_utils.pooling import POOLINGS
from course_utils.widgets import follow, say


def _text(value: str, description: str, width: int = 640, label: int = 80):
    import ipywidgets as w

    return w.Text(
        value=value, description=description, continuous_update=False,
        placeholder="type a sentence, then press Enter",
        layout=w.Layout(width=f"{width}px"), style={"description_width": f"{label}px"},
    )  # fmt: skip


# ---- who looks at whom --------------------------------------------------------------------------


def attention_explorer(sentence: str, encoder: str = "minilm", layer: int = 1, head: int = 0):
    """Who looks at whom: a field for the sentence, encoder, layer, head; a table of weights.

    It opens on ``layer`` and ``head``, counted from 1; head 0 is the mean of all heads. Displays
    itself and returns the ipywidgets box. Raises as ``views.attention_weights``.
    """
    import ipywidgets as w

    tokens, weights = views.attention_weights(sentence, encoder, layer, head)
    typed = _text(sentence, "sentence")
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
        fit_sliders(views.attention_of(typed.value, which.value)[1])
        chosen = typed.value, which.value, layers.value, heads.value
        tokens, weights = views.attention_weights(*chosen)
        largest = float(weights.max())
        table = views.heat_table(weights, tokens, tokens, 0, largest, numbers=False, colors="Blues")
        return (
            f'{table}<p style="font-size:17px;margin:6px 0">A row shows where its token looks. '
            f"Darkest: <b>{largest:.2f}</b>; point at a cell for its weight.</p>"
        )

    which.observe(lambda _: say(picture, "one moment …"), "value")  # while it is loaded
    fit_sliders(views.attention_of(sentence, encoder)[1])
    heads.value = head
    follow((typed, which, layers, heads), picture, draw)
    box = w.VBox([typed, w.HBox([which, layers, heads]), picture])
    fig, ax = plots.plt.subplots(figsize=(7, 6))
    ax.imshow(weights, cmap="Blues", vmin=0)
    ax.set_xticks(range(len(tokens)), tokens, rotation=90, parse_math=False)
    ax.set_yticks(range(len(tokens)), tokens, parse_math=False)
    ax.set_title(f"{encoder}, layer {layer}, {f'head {head}' if head else 'mean of heads'}")
    plots.show(fig, f"Attention explorer: who looks at whom in “{sentence}”", widget=box)
    return box


# ---- the word under [MASK] ----------------------------------------------------------------------


def mask_explorer(sentence: str):
    """A field for a sentence with one ``[MASK]`` and a slider: the best words for the gap.

    Displays itself and returns the ipywidgets box. Raises as ``views.mask_candidates``.
    """
    import ipywidgets as w

    candidates = views.mask_candidates(sentence, 8)
    typed = _text(sentence, "sentence")
    count = w.IntSlider(value=8, min=1, max=20, description="candidates")
    picture = w.HTML()
    follow(
        (typed, count),
        picture,
        lambda: views.candidates_html(views.mask_candidates(typed.value, count.value)),
    )
    box = w.VBox([typed, count, picture])
    fig, ax = plots.plt.subplots(figsize=(8, 4))
    words, _, probabilities = zip(*candidates, strict=True)
    plots.bars(ax, words, probabilities, plots.COLORS["course-bert"])
    ax.set_title(sentence, parse_math=False)
    ax.set_xlabel("probability")
    plots.show(fig, f"Mask explorer: the best words for “{sentence}”", widget=box)
    return box


# ---- pooling and padding ------------------------------------------------------------------------


def pooling_explorer(sentences):
    """Editable sentences (2 to 8), encoder, pooling, the padding bug on or off: their cosines.

    Displays itself and returns the ipywidgets box. Raises ValueError for another number of
    sentences, and as ``views.pooled_similarity``.
    """
    import ipywidgets as w

    sentences = list(sentences)
    if not 2 <= len(sentences) <= 8:
        raise ValueError(f"give 2 to 8 sentences, six fit a slide well; got {len(sentences)}")
    start, _ = views.pooled_similarity(sentences, "course-bert", "mean", False)
    numbers = [str(i) for i in range(1, len(sentences) + 1)]
    fields = [_text(text, number, 440, 24) for text, number in zip(sentences, numbers, strict=True)]
    names = ["glove", "course-bert", "minilm"]
    which = w.Dropdown(options=names, value="course-bert", description="encoder")
    how = w.Dropdown(options=list(POOLINGS), description="pooling")
    padding = w.Checkbox(description="count the padding")
    picture = w.HTML()

    def draw():
        how.disabled = padding.disabled = which.value == "glove"
        texts = [field.value for field in fields]
        cosines, note = views.pooled_similarity(texts, which.value, how.value, padding.value)
        return (
            views.heat_table(cosines, numbers, numbers)
            + f'<p style="font-size:17px;margin:6px 0">{escape(note)}</p>'
        )

    which.observe(lambda _: say(picture, "one moment …"), "value")
    follow((*fields, which, how, padding), picture, draw)
    box = w.VBox([w.HBox([which, how, padding]), w.HBox([w.VBox(fields), picture])])
    fig, ax = plots.plt.subplots(figsize=(8, 5))
    texts = [shorten(text, 34, placeholder=" …").replace("$", r"\$") for text in sentences]
    labels = [f"{text}  {number}" for text, number in zip(texts, numbers, strict=True)]
    plots.heatmap(ax, start, labels, numbers)
    ax.set_xticks(range(len(numbers)), numbers, rotation=0, ha="center")
    ax.set_title("course-bert, mean pooling: cosine")
    plots.show(fig, "Pooling explorer: cosines between the sentences", widget=box)
    return box


# ---- the triplet loss in the plane --------------------------------------------------------------


def triplet_geometry(margin: float = 1.0):
    """Sliders for positive, negative and margin: the loss as geometry, with its pull and push.

    Displays itself and returns the ipywidgets box. Raises ValueError for a margin outside 0 to 2.
    """
    import ipywidgets as w

    if not 0 <= margin <= 2:
        raise ValueError(f"the margin must be between 0 and 2; got {margin}")

    def slider(value, low, high, step, description):
        style = {"description_width": "80px"}
        kind = w.IntSlider if isinstance(step, int) else w.FloatSlider
        return kind(
            value=value, min=low, max=high, step=step, description=description, style=style,
            layout=w.Layout(width="350px"),
        )  # fmt: skip

    places = {
        "positive": (slider(1.0, 0, 3, 0.05, "d(a, p)"), slider(140, -180, 180, 5, "angle of p")),
        "negative": (slider(1.4, 0, 3, 0.05, "d(a, n)"), slider(20, -180, 180, 5, "angle of n")),
    }
    width = slider(margin, 0, 2, 0.05, "margin")
    drawing, figures = w.HTML(), w.HTML()

    def state():
        points = {name: geometry.polar(d.value, a.value) for name, (d, a) in places.items()}
        return geometry.triplet_state(**points, margin=width.value)

    controls = [*places["positive"], *places["negative"], width]
    follow(controls, drawing, lambda: geometry.triplet_svg(state()))
    follow(controls, figures, lambda: geometry.triplet_html(state()))
    box = w.HBox([drawing, w.VBox([*controls, figures])])
    alt = "Triplet geometry: anchor, positive and negative in the plane, and where the loss is 0"
    plots.show(geometry.triplet_figure(state()), alt, widget=box)
    return box
