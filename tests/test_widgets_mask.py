"""The mask explorer: the model's words for a gap, and that it follows its controls."""

import re

import numpy as np
import pytest
import torch
from driver import EVIL, Explorer

from course_utils import masked, widgets

SUN = "The sun [MASK] in the morning."
pytestmark = pytest.mark.usefixtures("displayed")


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
    assert re.findall(r"width:([\d.]+)%", html) == ["50.00", "25.00"]
    assert "all other words together: <b>25.0%</b>" in html
    assert "<img" not in html and "tea &amp; co" in html


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


@pytest.mark.parametrize("text", ["so " * 200 + "[MASK]", "[MASK] " + "so " * 200])
def test_a_text_longer_than_the_model_reads_is_refused(text):
    """Not "found 0" though the gap is in it, and not an answer to half of it."""
    with pytest.raises(ValueError, match="203 tokens, the model reads 128: use fewer words"):
        masked.mask_logits(text)
