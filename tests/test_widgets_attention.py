"""The attention explorer: what it computes, and that it follows its controls."""

import re

import numpy as np
import pytest
from driver import Explorer

from course_utils import attention as lesson
from course_utils import encoders, widgets

BANK = "She sat on the bank of the river."
pytestmark = pytest.mark.usefixtures("displayed")


@pytest.fixture(scope="module")
def bert():
    return encoders.load("course-bert")


def test_attention_weights_are_the_models(bert):
    text = "She sat on the bank of the river."
    tokens, maps = lesson.attention_maps(bert, text)
    for layer, head in ((1, 1), (2, 3), (4, 4)):
        found, weights = widgets.attention.attention_weights(text, "course-bert", layer, head)
        assert found == tokens
        np.testing.assert_allclose(weights, maps[layer - 1, head - 1], atol=1e-6)
    _, mean = widgets.attention.attention_weights(text, "course-bert", 2, 0)
    np.testing.assert_allclose(mean, maps[1].mean(dim=0), atol=1e-6)
    np.testing.assert_allclose(mean.sum(axis=1), 1, atol=1e-5)


def test_attention_of_minilm():
    tokens, maps = widgets.attention.attention_of("A bank.", "minilm")
    assert tokens == ["[CLS]", "a", "bank", ".", "[SEP]"] and maps.shape == (6, 12, 5, 5)


@pytest.mark.parametrize("layer, head", [(0, 1), (5, 1), (1, 5), (1, -1)])
def test_attention_weights_refuses_what_is_not_there(layer, head):
    with pytest.raises(ValueError, match="layers 1 to 4 and the heads 1 to 4"):
        widgets.attention.attention_weights("A bank.", "course-bert", layer, head)


@pytest.mark.parametrize(
    "text, encoder, words",
    [
        ("", "course-bert", "the sentence is empty: type some words"),
        (" \t", "course-bert", "the sentence is empty"),
        ("word " * 100, "course-bert", "too long"),
        ("a " * 60, "course-bert", "62 tokens, and the table holds 26"),
        ("A bank.", "glove", "choose minilm or course-bert"),
    ],
)
def test_attention_of_says_what_to_do(text, encoder, words):
    with pytest.raises(ValueError, match=words):
        widgets.attention.attention_of(text, encoder)


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
