"""Saving one's own models: numbered, never over another one, found again."""

import threading

import numpy as np
import pytest
from tiny_bert import SENTENCES, save_tiny_bert

from course_utils import encoders, training


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """COURSE_MODELS, a folder that does not exist yet."""
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path / "my" / "models"))
    return tmp_path / "my" / "models"


class Note:
    """Saves like an encoder, but only a line of text."""

    def __init__(self, text):
        self.text = text

    def save(self, folder):
        folder.mkdir()
        (folder / "note.txt").write_text(self.text)
        return folder


def notes(folder):
    """What is saved where; nothing else may lie there."""
    return {path.name: (path / "note.txt").read_text() for path in folder.iterdir()}


def test_an_encoder_comes_back_as_it_was(folder, tmp_path):
    encoder = encoders.load(str(save_tiny_bert(tmp_path / "bert")))
    assert training.newest("course-sbert") is None
    saved = training.save_new(encoder, "course-sbert")
    assert saved == training.newest("course-sbert") == folder / "course-sbert-001"
    again = encoders.load(str(saved))
    assert np.array_equal(again.encode(SENTENCES), encoder.encode(SENTENCES))


def test_nothing_is_overwritten_and_the_newest_is_found(folder):
    for text in ("one", "two"):
        training.save_new(Note(text), "a")
    training.save_new(Note("other"), "a-b")
    assert notes(folder) == {"a-001": "one", "a-002": "two", "a-b-001": "other"}
    (folder / "a-1234").mkdir()
    (folder / "a-9").mkdir()  # not a name that save_new gives
    assert training.newest("a") == folder / "a-1234"
    assert training.save_new(Note("late"), "a") == folder / "a-1235"
    assert training.newest("a-b") == folder / "a-b-001"


def test_a_gap_is_not_filled(folder):
    """The highest number is the newest, also after an older model was thrown away."""
    for text in ("one", "two"):
        training.save_new(Note(text), "a")
    (folder / "a-001" / "note.txt").unlink()
    (folder / "a-001").rmdir()
    assert training.save_new(Note("three"), "a").name == "a-003"


def test_two_at_once_get_two_numbers(folder):
    writers = [
        threading.Thread(target=training.save_new, args=(Note(str(i)), "a")) for i in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = notes(folder)
    assert sorted(found.values()) == list("01234567")
    assert sorted(found) == [f"a-{i:03d}" for i in range(1, 9)]


def test_a_number_taken_at_the_last_moment(folder, monkeypatch):
    training.save_new(Note("theirs"), "a")
    monkeypatch.setattr(training, "_saved", lambda name: {})  # looked before the other one came
    assert training.save_new(Note("mine"), "a").name == "a-002"
    assert notes(folder) == {"a-001": "theirs", "a-002": "mine"}


def test_a_crash_while_saving_leaves_nothing(folder):
    class Broken:
        def save(self, folder):
            folder.mkdir()
            (folder / "half").write_text("a mod")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        training.save_new(Broken(), "a")
    assert training.newest("a") is None and list(folder.iterdir()) == []


def test_another_error_when_taking_the_name_is_told(folder, monkeypatch):
    def refuse(self, target):
        raise PermissionError("read-only")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(PermissionError, match="read-only"):
        training.save_new(Note("x"), "a")


@pytest.mark.parametrize("name", ["", "../a", "a/b", "a.b", "-a", "a*"])
def test_names(folder, name):
    for call in (training.newest, lambda name: training.save_new(Note("x"), name)):
        with pytest.raises(ValueError, match="cannot be a model's name: use letters"):
            call(name)
    assert not folder.exists()


def test_the_folder(folder, monkeypatch):
    assert training.models_folder() == folder
    for nothing in (lambda: monkeypatch.setenv("COURSE_MODELS", ""),
                    lambda: monkeypatch.delenv("COURSE_MODELS")):  # fmt: skip
        nothing()
        assert training.models_folder() == training.ROOT / "my-models"
    assert (training.ROOT / "course_utils" / "training.py").is_file()
