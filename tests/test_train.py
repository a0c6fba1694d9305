"""The recorded trainings: what is stored is not run again, and nothing kept out is trained on."""

import csv

import numpy as np
import pytest

from course_utils import datasets, encoders, evaluation
from course_utils.similarity import pairwise_cosine
from course_utils.tools import train


class Measured:
    """A yardstick that measures nothing; it counts how often it is asked."""

    asked = 0

    def measure(self, encoder, head=None):
        Measured.asked += 1
        return dict.fromkeys(train.MEASURES, 0.5)


@pytest.fixture
def small(monkeypatch):
    """Trainings of two steps and no measuring; returns the data of all four objectives."""
    monkeypatch.setattr(train, "Yardstick", Measured)
    monkeypatch.setattr(train, "SEEDS", (0,))
    monkeypatch.setattr(train, "SHARES", (1,))
    monkeypatch.setattr(Measured, "asked", 0)
    return {name: rows[:8] for name, rows in train.training_data().items()}


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_stored_is_not_run_again(small, tmp_path):
    path = tmp_path / "scaling.csv"
    train.scaling(small, path, "cpu")
    assert [row["objective"] for row in rows_of(path)] == ["none", *train.OPTIONS]
    assert Measured.asked == 5
    train.scaling(small, path, "cpu")
    assert Measured.asked == 5  # all known
    rows = rows_of(path)
    train.store(path, rows[:-1])
    train.scaling(small, path, "cpu")
    assert Measured.asked == 6 and rows_of(path) == rows  # only the missing one


def test_rows_of_other_data_are_dropped(small, tmp_path):
    path = tmp_path / "scaling.csv"
    train.scaling(small, path, "cpu")
    other = small | {"STS": small["STS"][:-1]}
    assert train.made_with(other) != train.made_with(small)
    assert train.stored_rows(path, train.made_with(other)) == []


def test_the_stored_table_was_made_with_the_present_data():
    rows = rows_of(train.SCALING)
    mark = train.made_with(train.training_data())
    assert {row["made_with"] for row in rows} == {mark}, "run python -m course_utils.tools.train"
    assert rows[0]["objective"] == "none"
    assert {row["objective"] for row in rows[1:]} == set(train.OPTIONS)


def test_no_question_of_a_group_that_is_kept_out_is_trained_on():
    bank = datasets.load_questions()
    kept = {t for t, split in zip(bank["text"], bank["split"], strict=True) if split == "test"}
    group = dict(zip(bank["text"], bank["group"], strict=True))
    rows = train.question_triplets()
    assert len(rows) > 2000 and not kept & {text for row in rows for text in row}
    for anchor, positive, other in rows:
        assert group[anchor] == group[positive] != group[other]


def test_course_sbert_is_what_its_card_says():
    """Small, readable by the library, and surely better than the encoder it was made from."""
    from sentence_transformers import SentenceTransformer

    folder = train.SBERT
    assert (folder / "model.safetensors").stat().st_size <= 11e6
    graded = datasets.load_sts("test")
    trained, untrained = encoders.load("course-sbert"), encoders.load("course-bert")
    some = graded["sentence1"][:8]
    library = SentenceTransformer(str(folder), device="cpu").float()  # stored in float16
    assert np.abs(trained.encode(some) - library.encode(some)).max() < 1e-4
    cosines = [
        pairwise_cosine(e.encode(graded["sentence1"]), e.encode(graded["sentence2"]))
        for e in (trained, untrained)
    ]

    def gain(new, old, score):
        return evaluation.spearman(new, score) - evaluation.spearman(old, score)

    low, _ = evaluation.bootstrap_interval(gain, *cosines, graded["score"])
    assert low > 0.08
