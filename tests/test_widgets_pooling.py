"""The pooling explorer: cosines as the encoders give them, and that it follows its controls."""

import re

import numpy as np
import pytest
import torch
from driver import EVIL, Explorer
from sklearn.metrics.pairwise import cosine_similarity

from course_utils import encoders, widgets

SIX = [
    "Where can I park?",
    "Is it snowing in the hills?",
    "Bread.",
    "Tea, $5",
    "Rain.",
    "A dog ran.",
]
pytestmark = pytest.mark.usefixtures("displayed")


@pytest.fixture(scope="module")
def bert():
    return encoders.load("course-bert")


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooled_similarity_is_that_of_the_encoder(pooling):
    cosines, note = widgets.pooling.pooled_similarity(SIX, "course-bert", pooling, False)
    vectors = encoders.load("course-bert", pooling).encode(SIX)
    np.testing.assert_allclose(cosines, cosine_similarity(vectors), atol=1e-5)
    assert "padding" not in note


def test_pooled_similarity_of_glove_and_minilm():
    for name, pooling in (("glove", "cls"), ("minilm", "mean")):
        vectors = encoders.load(name).encode(SIX)
        cosines, _ = widgets.pooling.pooled_similarity(SIX, name, pooling, False)
        np.testing.assert_allclose(cosines, cosine_similarity(vectors), atol=1e-5)


@pytest.mark.parametrize("pooling, rule", [("mean", torch.mean), ("max", torch.amax)])
def test_counting_the_padding_is_the_plain_mean_or_maximum(bert, pooling, rule):
    batch = bert.tokenize(SIX)
    with torch.inference_mode():
        states = bert.model(**batch).last_hidden_state
    expected = cosine_similarity(rule(states, dim=1).numpy())
    cosines, note = widgets.pooling.pooled_similarity(SIX, "course-bert", pooling, True)
    np.testing.assert_allclose(cosines, expected, atol=1e-5)
    real = int(batch["attention_mask"].sum())
    assert f"{real} tokens and {batch['attention_mask'].numel() - real} of padding" in note
    right, _ = widgets.pooling.pooled_similarity(SIX, "course-bert", pooling, False)
    assert np.abs(cosines - right).max() > 0.02


def test_padding_does_not_touch_cls():
    wrong, _ = widgets.pooling.pooled_similarity(SIX, "course-bert", "cls", True)
    right, _ = widgets.pooling.pooled_similarity(SIX, "course-bert", "cls", False)
    np.testing.assert_array_equal(wrong, right)


@pytest.mark.parametrize("encoder", ["course-bert", "glove"])
def test_pooled_similarity_names_the_empty_sentence(encoder):
    with pytest.raises(ValueError, match="sentence 3 is empty: type some words"):
        widgets.pooling.pooled_similarity([*SIX[:2], " "], encoder, "mean", False)


def test_pooled_similarity_names_the_sentence_that_glove_does_not_know():
    with pytest.raises(ValueError, match="sentence 2 has no word that GloVe knows: qqzzx"):
        widgets.pooling.pooled_similarity([SIX[0], "qqzzx"], "glove", "mean", False)


@pytest.fixture
def pooling():
    return Explorer(widgets.pooling_explorer(SIX))


def written(html):
    """The numbers in the cells of the heat table ``(n, n)``."""
    found = [float(value) for value in re.findall(r'<td title="[^"]*" style="[^"]*">(.*?)<', html)]
    return np.array(found).reshape(6, 6)


def expected(texts, *settings):
    return widgets.pooling.pooled_similarity(texts, *settings)[0].round(2)


def titles(html):
    """The hover texts of a heat table."""
    return re.findall(r'<td title="([^"]*)"', html)


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
