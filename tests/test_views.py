"""What the explorers show, held against the models and the hand-written formulas."""

import re
from html import unescape

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from course_utils import attention, encoders, masked, widgets

EVIL = "<img src=x onerror=alert(1)>"
SIX = [
    "Where can I park?", "Is there a car park near the old town hall, and what does it cost?",
    "It is snowing.", "My bread did not rise.", "Rain all week.", "The dough stayed flat.",
]  # fmt: skip


@pytest.fixture(scope="module")
def bert():
    return encoders.load("course-bert")


# ---- attention ----------------------------------------------------------------------------------


def test_attention_weights_are_the_models(bert):
    text = "She sat on the bank of the river."
    tokens, maps = attention.attention_maps(bert, text)
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


# ---- the word under [MASK] ----------------------------------------------------------------------


def test_mask_candidates_are_those_of_the_model():
    text = "He drank a cup of [MASK]."
    words, logits = masked.mask_logits(text)
    probabilities = torch.tensor(logits).softmax(0).numpy()
    found = widgets.mask.mask_candidates(text, 5)
    best = np.argsort(-logits, kind="stable")[:5]
    assert [c.word for c in found] == [words[i] for i in best]
    np.testing.assert_allclose([c.probability for c in found], probabilities[best])


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "the sentence is empty"),
        ("no gap", "exactly one .* found 0"),
        ("[MASK] or [MASK]", "exactly one .* found 2"),
        ("so " * 140 + "[MASK]", "too long"),  # not "found 0": the gap was cut off
    ],
)
def test_mask_candidates_says_what_to_do(text, words):
    with pytest.raises(ValueError, match=words):
        widgets.mask.mask_candidates(text, 5)


def test_candidates_html():
    html = widgets.mask.candidates_html(
        [masked.Candidate("tea & co", 3.0, 0.5), masked.Candidate(EVIL, 1.0, 0.25)]
    )
    assert re.findall(r'"probability">([^<]*)<', html) == ["50.0%", "25.0%"]
    assert re.findall(r"width:([\d.]+)px;background", html) == ["250.0", "125.0"]
    assert "all other words together: <b>25.0%</b>" in html
    assert "<img" not in html and "tea &amp; co" in html


# ---- pooling and padding ------------------------------------------------------------------------


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


# ---- the heat table -----------------------------------------------------------------------------


def cells(html):
    """(hover text, ink, background, written) of each cell."""
    pattern = r'<td title="([^"]*)" style="color:(\w+);background:rgb\(([\d,]+)\)">([^<]*)</td>'
    return [
        (unescape(title), ink, tuple(map(int, rgb.split(","))), text)
        for title, ink, rgb, text in re.findall(pattern, html)
    ]


def test_heat_table_tells_each_value_twice():
    html = widgets.parts.heat_table([[0.0, 0.25], [0.5, 1.0]], ["a", "b"], ["c", "d"])
    assert [(title, text) for title, _, _, text in cells(html)] == [
        ("a → c: 0.00", "0.00"), ("a → d: 0.25", "0.25"),
        ("b → c: 0.50", "0.50"), ("b → d: 1.00", "1.00"),
    ]  # fmt: skip
    silent = widgets.parts.heat_table([[0.25]], ["a"], ["c"], numbers=False)
    assert [(title, text) for title, _, _, text in cells(silent)] == [("a → c: 0.25", "")]


def test_heat_table_shades_from_low_to_high():
    html = widgets.parts.heat_table(
        [[0.0, 0.2, 0.4, 0.5, 2.0]], ["a"], list("vwxyz"), 0, 0.5, colors="Blues"
    )
    light = [sum(rgb) for _, _, rgb, _ in cells(html)]
    assert light == sorted(light, reverse=True) and light[3] == light[4] < light[0] - 300


def luminance(rgb):
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [c / 255 for c in rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_numbers_are_readable_on_every_shade():
    """WCAG 2.2 asks for a contrast of 4.5."""
    for colors in ("viridis", "Blues"):
        values = np.linspace(0, 1, 101)[None]
        html = widgets.parts.heat_table(values, ["a"], ["b"] * 101, colors=colors)
        found = cells(html)
        assert {ink for _, ink, _, _ in found} == {"black", "white"} and len(found) == 101
        for _, ink, rgb, _ in found:
            low, high = sorted((luminance(rgb), {"black": 0, "white": 1}[ink]))
            assert (high + 0.05) / (low + 0.05) >= 4.5


def test_heat_table_escapes_names():
    html = widgets.parts.heat_table([[0.5]], [f'"{EVIL}'], [EVIL])
    assert "<img" not in html and [title for title, *_ in cells(html)] == [
        f'"{EVIL} → {EVIL}: 0.50'
    ]
