"""The little language model that a check writes with is the one notebook 4 builds by hand."""

import math
from collections import Counter, defaultdict
from pathlib import Path

import nbformat
import numpy as np
import pytest

from course_utils import datasets, sampling
from course_utils.exercises import trigrams

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "04_inference_and_sampling.ipynb"


@pytest.fixture(scope="module")
def by_hand():
    """The names that the notebook's own cells define."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    first, pen, judging = "followers = defaultdict", "def shares_after", "def ngrams"
    space = {
        "bank": datasets.load_questions(), "queries": datasets.load_queries(), "np": np,
        "sampling": sampling, "Counter": Counter, "defaultdict": defaultdict,
    }  # fmt: skip
    for words in (first, pen, "def write(", judging):
        [source] = [c.source for c in cells if c.cell_type == "code" and words in c.source]
        exec(source, space)
    return space


def test_the_corpus_is_the_same(by_hand):
    corpus, followers = trigrams.read()
    assert corpus == by_hand["corpus"] and len(corpus) > 1000
    assert followers == dict(by_hand["followers"])


@pytest.mark.parametrize("before", [("", ""), ("", "how"), ("how", "do"), ("soup", "how")])
def test_logits_are_the_same_and_a_distribution(by_hand, before):
    logits = trigrams.logits(*before)
    np.testing.assert_allclose(logits, by_hand["next_logits"](*before), rtol=1e-12)
    assert math.isclose(np.exp(logits).sum(), 1)


def test_a_share_by_hand():
    """After "how do": nine parts these two words, one part the shorter context, twice."""
    corpus, _ = trigrams.read()
    words = [word for text in corpus for word in text]
    text = [word for line in corpus for word in ["", "", *line]]
    after_do = [c for b, c in zip(text, text[1:], strict=False) if b == "do"]
    triples = zip(text, text[1:], text[2:], strict=False)
    after_both = [c for a, b, c in triples if (a, b) == ("how", "do")]
    share = 0.0
    for weight, seen in ((0.01, words), (0.09, after_do), (0.9, after_both)):
        share += weight * seen.count("i") / len(seen)
    place = list(dict.fromkeys(words)).index("i")
    assert np.exp(trigrams.logits("how", "do"))[place] == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("how", [{}, {"T": 1.4, "k": 20}, {"T": 0.6, "p": 0.8}])
def test_it_writes_the_same_texts(by_hand, how):
    wanted = by_hand["write_many"](n=5, **how)
    assert trigrams.write(5, how.get("T", 1.0), how.get("k"), how.get("p", 1.0), 0) == wanted
    judged = by_hand["judge"](wanted)
    assert trigrams.judge(wanted) == pytest.approx((judged["new"], judged["familiar"]))


def test_judge_of_nothing_and_of_one_word():
    assert trigrams.judge([]) == trigrams.judge([["why"]]) == (0.0, 0.0)


def test_a_setting_that_cannot_be_sampled_with():
    with pytest.raises(ValueError, match="temperature must be"):
        trigrams.write(1, -1, None, 1.0, 0)
    with pytest.raises(ValueError, match="top_k must be"):
        trigrams.write(1, 1.0, 10**6, 1.0, 0)
