"""The small pair-reader: what it learns from, and that it is measured among MiniLM's ten."""

import numpy as np

from course_utils import datasets
from course_utils.tools import pair_reader


class RandomVectors:
    """In place of MiniLM: each text has a vector that means nothing."""

    def encode(self, texts):
        return np.random.default_rng(0).standard_normal((len(texts), 8))


def test_it_learns_from_one_right_and_three_wrong_texts_of_the_train_split():
    bank = datasets.load_questions(split="train")
    group = dict(zip(bank["text"], bank["group"], strict=True))
    rows = pair_reader.choices(RandomVectors(), 5, np.random.default_rng(0))
    assert len(rows) == 15
    for row in rows:
        asked = {query for query, _ in row}
        same = [group[text] == group[query] for query, text in row]
        assert len(asked) == 1 and same == [True, False, False, False]
        assert row[0][0] != row[0][1]


def test_training_teaches_and_both_numbers_come_from_the_ten(one_thread):
    minilm = RandomVectors()
    rows = pair_reader.choices(minilm, 2, np.random.default_rng(0))
    encoder, head = pair_reader.train(rows * 8, 0)
    right, wrong = (pair_reader.scores(encoder, head, [row[i] for row in rows]) for i in (0, 1))
    assert (right > wrong).float().mean() > 0.8  # these rows are known by heart
    result = pair_reader.measure(minilm, encoder, head, 6)
    assert result["queries"] == 3 and result["reader"] <= result["among_ten"]
    assert {*result, "pairs", "seed"} == {*pair_reader.COLUMNS}
