"""The explorers, driven as a reader drives them: sliders are moved, sentences typed."""

import re

import ipywidgets as w
import numpy as np
import pytest

from course_utils import widgets

EVIL = "<img src=x onerror=alert(1)>"
BANK = "She sat on the bank of the river."
SUN = "The sun [MASK] in the morning."
SIX = [
    "Where can I park?",
    "Is it snowing in the hills?",
    "Bread.",
    "Tea, $5",
    "Rain.",
    "A dog ran.",
]


pytestmark = pytest.mark.usefixtures("displayed")


def inside(widget):
    """The widget and all that it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


class Explorer:
    """An explorer's controls by their description, and what it shows."""

    def __init__(self, box):
        self.controls = {c.description: c for c in inside(box) if getattr(c, "description", "")}
        self.pictures = [c for c in inside(box) if isinstance(c, w.HTML)]

    def __getitem__(self, description):
        return self.controls[description]

    @property
    def html(self):
        return self.pictures[0].value


def titles(html):
    """The hover texts of a heat table."""
    return re.findall(r'<td title="([^"]*)"', html)


def expected_titles(text, encoder, layer, head):
    tokens, weights = widgets.attention.attention_weights(text, encoder, layer, head)
    return [
        f"{row} → {column}: {weights[i, j]:.2f}"
        for i, row in enumerate(tokens)
        for j, column in enumerate(tokens)
    ]


@pytest.fixture
def attention():
    return Explorer(widgets.attention_explorer(BANK, "course-bert"))


def test_attention_explorer_starts_with_the_mean_of_heads(attention):
    assert titles(attention.html) == expected_titles(BANK, "course-bert", 1, 0)
    assert attention["layer"].max == 4
    assert [label for label, _ in attention["head"].options] == ["mean of heads", *"1234"]


@pytest.mark.parametrize("layer, head, title", [(3, 2, "head 2"), (4, 0, "mean of heads")])
def test_attention_explorer_opens_where_it_is_told(monkeypatch, layer, head, title):
    """The live table, the sliders and the picture that stands in for them."""
    drawn = []

    def show(fig, *_, **__):
        drawn.append((fig.axes[0].get_title(), fig.axes[0].images[0].get_array()))
        widgets.parts.plots.plt.close(fig)

    monkeypatch.setattr(widgets.parts.plots, "show", show)
    opened = Explorer(widgets.attention_explorer(BANK, "course-bert", layer=layer, head=head))
    assert titles(opened.html) == expected_titles(BANK, "course-bert", layer, head)
    assert (opened["layer"].value, opened["head"].value) == (layer, head)
    assert opened["layer"].max == 4 and len(opened["head"].options) == 5
    [(shown, weights)] = drawn
    assert shown == f"course-bert, layer {layer}, {title}"
    assert np.array_equal(
        weights, widgets.attention.attention_weights(BANK, "course-bert", layer, head)[1]
    )


@pytest.mark.parametrize("layer, head", [(5, 1), (1, 5), (0, 1), (1, -1)])
def test_attention_explorer_refuses_to_open_where_nothing_is(layer, head):
    with pytest.raises(ValueError, match="has the layers 1 to 4 and the heads 1 to 4"):
        widgets.attention_explorer(BANK, "course-bert", layer=layer, head=head)


def test_attention_explorer_follows_layer_head_and_sentence(attention):
    attention["layer"].value, attention["head"].value = 3, 2
    assert titles(attention.html) == expected_titles(BANK, "course-bert", 3, 2)
    attention["sentence"].value = "A dog ran."
    assert titles(attention.html) == expected_titles("A dog ran.", "course-bert", 3, 2)


def test_attention_explorer_fits_its_sliders_to_the_encoder(attention):
    attention["encoder"].value = "minilm"
    assert attention["layer"].max == 6 and len(attention["head"].options) == 13
    attention["layer"].value, attention["head"].value = 6, 12
    assert titles(attention.html) == expected_titles(BANK, "minilm", 6, 12)
    attention["encoder"].value = "course-bert"  # which has neither
    assert attention["layer"].value == 4
    shown = attention["layer"].value, attention["head"].value
    assert titles(attention.html) == expected_titles(BANK, "course-bert", *shown)


@pytest.mark.parametrize(
    "text, words", [("", "is empty"), (" ", "is empty"), ("x " * 140, "fewer")]
)
def test_attention_explorer_says_what_is_wrong(attention, text, words):
    before = attention.html
    attention["sentence"].value = text
    assert attention.html.startswith("<p") and words in attention.html
    attention["sentence"].value = BANK
    assert attention.html == before


def test_attention_explorer_refuses_a_first_sentence_or_encoder_it_cannot_show():
    with pytest.raises(ValueError, match="is empty"):
        widgets.attention_explorer("", "course-bert")
    with pytest.raises(ValueError, match="choose minilm or course-bert"):
        widgets.attention_explorer(BANK, "glove")


def words_of(html):
    return re.findall(r"<tr><td[^>]*>(.*?)</td>", html)


def test_mask_explorer_follows_sentence_and_slider():
    mask = Explorer(widgets.mask_explorer(SUN))
    assert words_of(mask.html) == [c.word for c in widgets.mask.mask_candidates(SUN, 8)]
    for count in (20, 1):
        mask["candidates"].value = count
        assert words_of(mask.html) == [c.word for c in widgets.mask.mask_candidates(SUN, count)]
    other = "He drank a cup of [MASK]."
    mask["sentence"].value = other
    assert mask.html == widgets.mask.candidates_html(widgets.mask.mask_candidates(other, 1))


def test_mask_explorer_says_what_is_wrong():
    mask = Explorer(widgets.mask_explorer(SUN))
    before = mask.html
    for text, words in (
        ("", "is empty"),
        (EVIL, "exactly one [MASK] into the sentence; found 0"),
        ("[MASK] [MASK]", "exactly one [MASK] into the sentence; found 2"),
    ):
        mask["sentence"].value = text
        assert words in mask.html and "<img" not in mask.html
    mask["sentence"].value = SUN
    assert mask.html == before
    with pytest.raises(ValueError, match="exactly one"):
        widgets.mask_explorer("no gap")


def test_a_message_that_quotes_the_reader_is_escaped(monkeypatch):
    mask = Explorer(widgets.mask_explorer(SUN))

    def quote(sentence, count):
        raise ValueError(f"what is {sentence}")

    monkeypatch.setattr(widgets.mask, "mask_candidates", quote)
    mask["sentence"].value = EVIL
    assert "what is &lt;img" in mask.html and "<img" not in mask.html


@pytest.fixture
def pooling():
    return Explorer(widgets.pooling_explorer(SIX))


def written(html):
    """The numbers in the cells of the heat table ``(n, n)``."""
    found = [float(value) for value in re.findall(r'<td title="[^"]*" style="[^"]*">(.*?)<', html)]
    return np.array(found).reshape(6, 6)


def expected(texts, *settings):
    return widgets.pooling.pooled_similarity(texts, *settings)[0].round(2)


def test_pooling_explorer_follows_every_control(pooling):
    close = {"atol": 0.0051}
    assert [pooling[str(i)].value for i in range(1, 7)] == SIX
    start = written(pooling.html)
    np.testing.assert_allclose(start, expected(SIX, "course-bert", "mean", False), **close)
    pooling["count the padding"].value = True
    wrong = written(pooling.html)
    np.testing.assert_allclose(wrong, expected(SIX, "course-bert", "mean", True), **close)
    assert np.abs(wrong - start).max() > 0.02
    pooling["pooling"].value = "max"
    np.testing.assert_allclose(
        written(pooling.html), expected(SIX, "course-bert", "max", True), **close
    )
    pooling["4"].value = EVIL
    texts = [*SIX[:3], EVIL, *SIX[4:]]
    np.testing.assert_allclose(
        written(pooling.html), expected(texts, "course-bert", "max", True), **close
    )
    assert "<img" not in pooling.html


def test_pooling_explorer_with_glove_leaves_out_what_it_has_not(pooling):
    pooling["count the padding"].value = True
    pooling["encoder"].value = "glove"
    np.testing.assert_allclose(
        written(pooling.html), expected(SIX, "glove", "mean", False), atol=0.0051
    )
    assert pooling["pooling"].disabled and pooling["count the padding"].disabled
    pooling["encoder"].value = "course-bert"
    assert not pooling["pooling"].disabled and not pooling["count the padding"].disabled


def test_pooling_explorer_says_what_is_wrong(pooling):
    before = pooling.html
    pooling["5"].value = ""
    assert "sentence 5 is empty" in pooling.html
    pooling["5"].value = "qqzzx"
    pooling["encoder"].value = "glove"
    assert "sentence 5 has no word that GloVe knows: qqzzx" in pooling.html
    pooling["5"].value, pooling["encoder"].value = SIX[4], "course-bert"
    assert pooling.html == before


def test_pooling_explorers_figure_numbers_its_rows_like_its_columns(monkeypatch):
    """Column 3 of the picture, and of the live table, belongs to the sentence of row 3."""
    drawn = []

    def show(fig, *_, **__):
        drawn.extend(fig.axes)
        widgets.parts.plots.plt.close(fig)

    monkeypatch.setattr(widgets.parts.plots, "show", show)
    box = widgets.pooling_explorer(SIX)
    [ax] = drawn
    rows, columns = (
        [label.get_text().replace("\\$", "$") for label in labels]
        for labels in (ax.get_yticklabels(), ax.get_xticklabels())
    )
    assert columns == list("123456") and {t.get_rotation() for t in ax.get_xticklabels()} == {0.0}
    assert rows == [f"{text}  {i}" for i, text in enumerate(SIX, 1)]
    assert titles(Explorer(box).html)[8].startswith("2 → 3: ")


@pytest.mark.parametrize("n", [0, 1, 9])
def test_pooling_explorer_refuses_too_few_or_too_many(n):
    with pytest.raises(ValueError, match=f"give 2 to 8 sentences.* got {n}"):
        widgets.pooling_explorer(["A dog."] * n)


def test_triplet_geometry_follows_its_sliders():
    triplet = Explorer(widgets.triplet_geometry(0.5))
    assert triplet["margin"].value == 0.5
    settings = {"d(a, p)": 2, "angle of p": 90, "d(a, n)": 1, "angle of n": -180, "margin": 1.25}
    for name, value in settings.items():
        triplet[name].value = value
    state = widgets.triplet.triplet_state((0, 2), (-1, 0), 1.25)
    drawing, figures = (picture.value for picture in triplet.pictures)
    assert drawing == widgets.triplet.triplet_svg(
        state
    ) and figures == widgets.triplet.triplet_html(state)
    assert 'class="loss">2.25<' in figures and 'class="push"' in drawing
    triplet["d(a, p)"].value, triplet["d(a, n)"].value = 0.5, 3
    drawing, figures = (picture.value for picture in triplet.pictures)
    assert 'class="loss">0.00<' in figures and 'class="push"' not in drawing


@pytest.mark.parametrize("margin", [-0.1, 2.1, float("nan")])
def test_triplet_geometry_refuses_a_margin_its_slider_does_not_hold(margin):
    with pytest.raises(ValueError, match="margin must be between 0 and 2"):
        widgets.triplet_geometry(margin)


@pytest.mark.parametrize(
    "make, argument, words",
    [
        (widgets.attention_explorer, r"Costs $5, a \$frac_{1}$", "who looks at whom"),
        (widgets.mask_explorer, "She paid $5 or $6 for the [MASK].", "the best words for"),
        (widgets.pooling_explorer, ["from $5", "to $10 \\$x$"], "cosines between"),
        (widgets.triplet_geometry, 1.0, "anchor, positive and negative"),
    ],
)
def test_each_displays_itself_beside_a_figure_with_text(displayed, make, argument, words):
    """Dollars are no formula, neither in a title nor in a label."""
    box = make(argument)
    [(data, options)] = displayed
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    assert "image/png" in data and words in options["metadata"]["image/png"]["alt"]
