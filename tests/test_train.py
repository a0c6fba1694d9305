"""The recorded trainings: what is stored is not run again, and nothing kept out is trained on."""

import csv

import datasets as hf
import numpy as np
import pytest
import tiny_bert

from course_utils import datasets, encoders, evaluation
from course_utils.similarity import pairwise_cosine
from course_utils.tools import train, train_data


class Measured:
    """A yardstick that measures nothing; it counts how often it is asked."""

    asked = 0

    def measure(self, encoder, head=None):
        Measured.asked += 1
        return dict.fromkeys(train.MEASURES, 0.5)


@pytest.fixture(scope="module")
def own_data():
    return train.training_data()


@pytest.fixture
def small(own_data, monkeypatch):
    """Trainings of two steps and no measuring; returns the data of all four objectives."""
    monkeypatch.setattr(train, "Yardstick", Measured)
    monkeypatch.setattr(train, "SEEDS", (0,))
    monkeypatch.setattr(train, "SHARES", (1,))
    monkeypatch.setattr(Measured, "asked", 0)
    return {name: rows[:8] for name, rows in own_data.items()}


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


def test_the_stored_table_was_made_with_the_present_data(own_data):
    rows = rows_of(train.SCALING)
    mark = train.made_with(own_data)
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
    """Small, readable by the library, and surely better than the encoder it was made from.

    The last is measured on every third pair.
    """
    from sentence_transformers import SentenceTransformer

    folder = train.SBERT
    assert (folder / "model.safetensors").stat().st_size <= 11e6
    graded = {name: column[::3] for name, column in datasets.load_sts("test").items()}
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


# ---- published data sets, from a folder ----------------------------------------------------------

LEFT, RIGHT = tiny_bert.SENTENCES[:5], tiny_bert.SENTENCES[5:]
HF_LABELS = hf.ClassLabel(names=list(datasets.LABELS))
TWO = hf.ClassLabel(names=["different", "duplicate"])
# name of the published form -> columns, and the objectives that they serve
PUBLISHED = {
    "all-nli/triplet": (
        {
            "anchor": [*LEFT, LEFT[0]],  # its first row is taken
            "positive": [*RIGHT, RIGHT[1]],
            "negative": [*RIGHT[::-1], LEFT[1]],
        },
        ["triplets", "in-batch"],
    ),
    "all-nli/pair": ({"anchor": LEFT, "positive": RIGHT}, ["in-batch"]),
    "all-nli/pair-class": (
        {"premise": [LEFT[0]] * 3, "hypothesis": RIGHT[:3], "label": [0, 1, 2]},
        ["NLI", "triplets", "in-batch"],
    ),
    "sentence-transformers/stsb": (
        {"sentence1": LEFT, "sentence2": RIGHT, "score": [0.0, 0.2, 0.5, 0.8, 1.0]},
        ["STS"],
    ),
    "quora/pair-class": (
        {"sentence1": LEFT, "sentence2": RIGHT, "label": [1, 0, 1, 1, 0]},
        ["in-batch"],
    ),
}


def published(folder, columns, parquet):
    """A data set as the hub stores it (parquet), or as ``save_to_disk`` does (arrow)."""
    made = hf.Dataset.from_dict(columns)
    if "label" in columns:
        made = made.cast_column("label", HF_LABELS if "premise" in columns else TWO)
    if not parquet:
        hf.DatasetDict({"train": made, "test": made}).save_to_disk(folder)
        return str(folder)
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        made.to_parquet(folder / f"{part}-00000-of-00001.parquet")
    return str(folder)


@pytest.fixture
def tiny(tmp_path):
    return str(tiny_bert.save_tiny_bert(tmp_path / "tiny"))


@pytest.mark.parametrize("parquet", [True, False])
@pytest.mark.parametrize("form", PUBLISHED)
def test_a_published_data_set_is_trained_on(small, tiny, tmp_path, form, parquet):
    """Table and encoder, end to end, from the objectives that the data set can serve."""
    columns, objectives = PUBLISHED[form]
    folder = published(tmp_path / form, columns, parquet)
    data = train.training_data(folder)
    assert list(data) == objectives
    assert data["STS"][3][2] == 4 if "STS" in data else len(data["in-batch"]) in (1, 3, 5)
    table = tmp_path / "mine.csv"
    command = ["--data", folder, "--start", tiny, "--to"]
    train.main([*command, str(table)])
    rows = rows_of(table)
    assert [row["objective"] for row in rows] == ["none", *objectives]
    assert rows[1]["rows"] == str(len(data[objectives[0]]))
    train.main([*command, str(table)])  # all known: nothing is run again
    assert rows_of(table) == rows and Measured.asked == len(rows)


@pytest.mark.parametrize("form", ["all-nli/triplet", "all-nli/pair"])
def test_an_encoder_is_trained_on_a_published_data_set(own_data, tiny, tmp_path, monkeypatch, form):
    few = {name: rows[:4] for name, rows in own_data.items()}
    monkeypatch.setattr(
        train, "training_data", lambda *own: train_data.training_data(*own) if own else few
    )
    monkeypatch.setattr(train, "question_triplets", lambda seed: few["triplets"])
    folder = published(tmp_path / form, PUBLISHED[form][0], True)
    made = tmp_path / "made"
    train.main(["--encoder", "--data", folder, "--start", tiny, "--to", str(made)])
    assert encoders.load(str(made)).fingerprint != encoders.load(tiny).fingerprint
    with pytest.raises(SystemExit):  # an hour later it would be too late
        train.main(["--encoder", "--data", folder, "--start", tiny, "--to", str(made)])


def test_what_is_no_data_set_or_would_destroy_something_is_refused(tiny, tmp_path, capsys):
    """Before any training, with what to do."""
    empty, notes = tmp_path / "empty", tmp_path / "notes.csv"
    empty.mkdir()
    notes.write_text("mine\n1\n", encoding="utf-8")
    other = published(tmp_path / "other", {"text": LEFT, "mood": LEFT}, True)
    bare = published(
        tmp_path / "bare", {"sentence1": LEFT, "sentence2": RIGHT, "score": [0.5] * 5}, True
    )
    numbers = hf.Dataset.from_dict(PUBLISHED["all-nli/pair-class"][0])
    numbers.save_to_disk(tmp_path / "numbers")
    right = published(tmp_path / "right", PUBLISHED["all-nli/pair"][0], True)
    for data, to, message in [
        (str(empty), "new.csv", "offline use a .csv, .tsv or .jsonl file, or a folder"),
        (str(tmp_path / "gone"), "new.csv", "offline use a .csv, .tsv or .jsonl file, or a folder"),
        (other, "new.csv", "has the columns mood, split, text: the trainings know premise"),
        (bare, "new.csv", "here: --scale 0 1"),
        (str(tmp_path / "numbers"), "new.csv", "label 0 is a number without a name"),
        (right, "notes.csv", "holds something else"),
        (right, "empty", "is a folder: name a file"),
        (right, "no/new.csv", "make it first"),
        (right, None, "say with --to where the result goes"),
    ]:
        place = ["--to", str(tmp_path / to)] if to else []
        with pytest.raises(SystemExit):
            train.main(["--data", data, "--start", tiny, *place])
        said = " ".join(capsys.readouterr().err.split())
        assert message in said, said
    assert notes.read_text(encoding="utf-8") == "mine\n1\n" and not (tmp_path / "new.csv").exists()
    assert train.training_data(bare, (0, 1))["STS"][0][2] == 2.5


def test_trainings_on_other_data_are_not_overwritten(small, tiny, tmp_path, capsys):
    table = tmp_path / "mine.csv"
    for form in ("all-nli/pair", "all-nli/triplet"):
        published(tmp_path / form, PUBLISHED[form][0], True)
    train.main(["--data", str(tmp_path / "all-nli/pair"), "--start", tiny, "--to", str(table)])
    before = table.read_bytes()
    with pytest.raises(SystemExit):
        train.main(
            ["--data", str(tmp_path / "all-nli/triplet"), "--start", tiny, "--to", str(table)]
        )
    assert "trainings on other data" in capsys.readouterr().err and table.read_bytes() == before
