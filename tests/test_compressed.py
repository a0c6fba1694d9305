"""Short vectors: compared with counting by hand; long texts: with their definition."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils import evaluation
from course_utils.engines.compare import judge
from course_utils.engines.compressed import hamming_distances, rescored
from course_utils.engines.long_texts import chunks, read_lesson

packed = st.integers(1, 9).flatmap(lambda b: st.tuples(*(arrays(np.uint8, (n, b)) for n in (3, 5))))


@given(packed)
def test_hamming_distances_count_the_bits_that_differ(pair):
    queries, bank = pair
    bits = [np.unpackbits(x, axis=1)[None] for x in (bank, queries)]
    by_hand = (bits[0] != bits[1].transpose(1, 0, 2)).sum(axis=2)
    found = hamming_distances(queries, bank)
    assert found.dtype == np.int64 and np.array_equal(found, by_hand)


def test_more_bits_than_a_byte_can_count():
    assert hamming_distances(np.zeros((1, 48), np.uint8), np.full((2, 48), 255, np.uint8)).tolist()
    assert hamming_distances(
        np.zeros((1, 48), np.uint8), np.full((1, 48), 255, np.uint8)
    ).item() == (384)


@pytest.mark.parametrize(
    "queries, bank, message",
    [
        (np.zeros((1, 4), np.int64), np.zeros((1, 4), np.uint8), "uint8; got int64"),
        (np.zeros((1, 1), np.uint8), np.zeros((2, 4), np.uint8), "equal length"),
        (np.zeros(4, np.uint8), np.zeros((2, 4), np.uint8), "equal length"),
    ],
)
def test_what_is_not_packed_is_refused(queries, bank, message):
    with pytest.raises(ValueError, match=message):
        hamming_distances(queries, bank)


def test_the_quick_scores_choose_and_the_exact_ones_order():
    rough = np.array([[3, 5, 5, 1, 5]])
    query, bank = np.array([[1.0]]), np.array([[0.9], [0.1], [0.2], [0.8], [0.7]])
    some = rescored(rough, query, bank, 2)  # ties: the earlier
    assert np.allclose(some, [[-1, 0.1, 0.2, -1, -1]])
    assert np.allclose(rescored(rough, query, bank, 4), [[0.9, 0.1, 0.2, -1, 0.7]])
    assert np.allclose(rescored(rough, query, bank), bank.T)
    for keep, other in ((0, bank), (2, bank[:4])):
        with pytest.raises(ValueError, match="keep 1 or more"):
            rescored(rough, query, other, keep)


def test_judge_gives_the_numbers_of_evaluation():
    rng = np.random.default_rng(0)
    bank_groups = np.array(list("aaabbbccccccccccccde"))
    queries = rng.normal(size=(40, 6)).astype(np.float32)
    groups = rng.choice(list("abcde"), 40)
    bank = rng.normal(size=(20, 6)).astype(np.float32)
    bank[5] = bank[4]  # a tie

    def scores(some):
        return some @ bank.T

    found = judge(scores, queries, groups, bank_groups)
    first = evaluation.rank_of_first_hit(scores(queries), bank_groups, groups)
    assert found.recall == pytest.approx(evaluation.recall_at_k(first, 1))
    assert found.recall > 0
    ndcg = evaluation.ndcg_at_k(scores(queries), bank_groups, groups)
    assert found.ndcg == pytest.approx(ndcg) and found.milliseconds > 0
    assert found.nearest.tolist() == np.argsort(-scores(queries), 1, kind="stable")[:, :10].tolist()
    with pytest.raises(ValueError, match="holds nothing"):
        judge(scores, queries[:1], ["z"], bank_groups)


@given(st.integers(0, 40), st.integers(1, 9), st.data())
def test_chunks_hold_every_word_and_overlap(n, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    words = [f"w{i}" for i in range(n)]
    pieces = [piece.split() for piece in chunks(words, size, overlap)]
    for before, after in zip(pieces, pieces[1:], strict=False):
        assert len(before) == size
        # the new piece repeats so many words, and brings at least one more
        assert before[size - overlap :] == after[:overlap] and len(after) > overlap
    assert sum(pieces[1:], []).count("w0") == 0
    joined = pieces[0] + [word for piece in pieces[1:] for word in piece[overlap:]]
    assert joined == words


@pytest.mark.parametrize("size, overlap", [(3, 3), (3, 4), (3, -1), (0, 0)])
def test_chunks_that_would_never_end_are_refused(size, overlap):
    with pytest.raises(ValueError, match="0 <= overlap < size"):
        chunks(["a"], size, overlap)


def test_a_lesson_is_read_heading_by_heading(tmp_path):
    def cell(source, kind="markdown", slide="-"):
        shown = {"slideshow": {"slide_type": slide}}
        return {"cell_type": kind, "source": source.splitlines(True), "metadata": shown}

    cells = [
        cell("# One\nSee [a link](x.md#y) and <b>bold</b>.\n\n## Two\nfirst"),
        cell("# no heading", "code"),
        cell("for the instructor", slide="notes"),
        cell("more, 1 < 2\n### Three\n## Four\n# Five\nend"),
    ]
    path = tmp_path / "01.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    found = [(headings, re.sub(r"\s+", " ", text)) for headings, text in read_lesson(path)]
    assert found == [
        ("One", "See a link and bold ."),
        ("One › Two", "first more, 1 < 2"),
        ("One › Two › Three", ""),
        ("One › Four", ""),
        ("Five", "end"),
    ]
