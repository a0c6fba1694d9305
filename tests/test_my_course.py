"""The student's copy: no answers on the screen, and nothing that a student wrote is ever lost."""

import copy
import json
import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils.tools import my_course

NOTEBOOKS = sorted((my_course.ROOT / "notebooks").glob("0*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_has_no_outputs_no_notes_and_folded_plots(path):
    nb, original = my_course.student_copy(path), nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in nb.cells]
    assert "notes" not in kinds
    notes = len(original.cells) - len(nb.cells)
    assert notes == str(original).count("'slide_type': 'notes'")
    for cell in nb.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        if "hide-input" in cell.metadata.get("tags", []):
            assert cell.metadata["jupyter"]["source_hidden"]


def test_links_and_images_work_from_the_copy(tmp_path):
    folder = my_course.prepare(tmp_path)
    assert (folder / "../images/rnn.svg").is_file()
    found = set()
    for path in folder.glob("0*.ipynb"):
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        found |= set(re.findall(r"\]\((\.\./[^)#?]+|\w[\w.-]+\.md)[#)]", text))
        found |= set(re.findall(r'src="(\.\./[^"]+)"', text))
    assert len(found) > 10 and "glossary.md" in found
    for link in found:  # images are copied where the course cannot be written
        in_course = os.path.normpath(my_course.ROOT / my_course.FOLDER / link)
        assert (folder / link).exists() or os.path.exists(in_course), link


# ---- New editions -------------------------------------------------------------------------------


def notebook(**cells):
    """A notebook with these cells, {id: source}."""
    return new_notebook(cells=[new_code_cell(text, id=name) for name, text in cells.items()])


def sources(nb):
    return {cell.id: cell.source for cell in nb.cells}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one notebook: edition(...) writes it, start() brings it, mine() reads."""
    monkeypatch.setattr(my_course, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / my_course.FOLDER / "01_a.ipynb"

    class Course:
        folder = path.parent
        edition = staticmethod(
            lambda **cells: nbformat.write(notebook(**cells), tmp_path / "notebooks" / path.name)
        )
        start = staticmethod(lambda: my_course.prepare(tmp_path))
        mine = staticmethod(lambda: nbformat.read(path, as_version=4))
        write = staticmethod(lambda nb: nbformat.write(nb, path))

    Course.edition(a="1", b="2", c="3")
    Course.start()
    return Course


def test_the_same_edition_changes_nothing(course):
    nb = course.mine()
    nb.cells[0].source = "mine"
    course.write(nb)
    (my_course.ROOT / "notebooks" / "glossary.md").write_text("words", encoding="utf-8")
    course.start()
    files = [path for path in course.folder.rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    course.start()  # nothing is written: a folder that may only be read does
    files = [path for path in course.folder.rglob("*") if path.is_file()]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before


def test_a_new_edition_keeps_the_students_cells(course, capsys):
    nb = course.mine()
    nb.cells[1].source = "my answer"
    nb.cells[1].outputs = [new_output("stream", text="my output")]
    nb.cells.insert(1, new_code_cell("my own cell", id="own"))
    del nb.cells[-1]
    course.write(nb)
    course.edition(a="1 better", b="2", c="3 better", d="new")
    course.start()
    wanted = {"a": "1 better", "own": "my own cell", "b": "my answer", "d": "new"}
    assert list(sources(course.mine()).items()) == list(wanted.items())
    assert course.mine().cells[2].outputs[0].text == "my output"
    assert "has the new edition; your cells stay" in capsys.readouterr().err
    (kept,) = (course.folder / ".editions").glob("*.before.ipynb")
    assert sources(nbformat.read(kept, as_version=4)) == sources(nb)


def test_where_both_changed_a_cell_the_new_edition_is_written_next_to_it(course, capsys):
    nb = course.mine()
    nb.cells[1].source = "my answer"
    course.write(nb)
    before = (course.folder / "01_a.ipynb").read_bytes()
    for text in ("2 better", "2 best"):  # a second new edition does not replace the first
        course.edition(a="1", b=text, c="3")
        course.start()
    assert (course.folder / "01_a.ipynb").read_bytes() == before
    assert "stays as you wrote it; its new edition is 01_a.new-edition" in capsys.readouterr().err
    beside = [nbformat.read(path, 4) for path in course.folder.glob("01_a.new-edition*.ipynb")]
    assert {sources(nb)["b"] for nb in beside} == {"2 better", "2 best"}


def test_an_answer_stays_where_the_new_edition_has_no_such_cell(course):
    nb = course.mine()
    nb.cells[1].source = "my answer"
    course.write(nb)
    course.edition(a="1", c="3")
    course.start()
    assert sources(course.mine())["b"] == "my answer"


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", json.dumps({"cells": 3}).encode()])
def test_a_file_that_is_no_notebook_stays(course, content):
    (course.folder / "01_a.ipynb").write_bytes(content)
    course.edition(a="1 better")
    course.start()
    assert (course.folder / "01_a.ipynb").read_bytes() == content
    assert (course.folder / "01_a.new-edition.ipynb").is_file()


@pytest.mark.parametrize("content", [b"", b"<<<<<<< HEAD\n{}", b"[1]", b"\xff"])
def test_a_course_with_a_damaged_notebook_starts_and_says_so(course, content, capsys):
    before = (course.folder / "01_a.ipynb").read_bytes()
    (my_course.ROOT / "notebooks" / "01_a.ipynb").write_bytes(content)
    course.start()
    assert (course.folder / "01_a.ipynb").read_bytes() == before
    assert "01_a.ipynb is damaged: get it again with git" in capsys.readouterr().err


def test_a_start_that_was_cut_off_goes_on(course, monkeypatch):
    course.edition(a="1 better", b="2", c="3", d="new")
    write, calls = my_course._write, []

    def stops(path, nb):
        if calls:
            raise KeyboardInterrupt
        calls.append(path)
        write(path, nb)

    monkeypatch.setattr(my_course, "_write", stops)
    with pytest.raises(KeyboardInterrupt):
        course.start()
    monkeypatch.setattr(my_course, "_write", write)
    course.start()
    assert sources(course.mine()) == {"a": "1 better", "b": "2", "c": "3", "d": "new"}
    assert not list(course.folder.glob("*.new-edition*"))


def test_a_glossary_that_the_student_changed_stays(course):
    source = my_course.ROOT / "notebooks" / "glossary.md"
    for text, wanted in [("one", "one"), ("two", "two")]:
        source.write_text(text)
        course.start()
        assert (course.folder / "glossary.md").read_text() == wanted
    (course.folder / "glossary.md").write_text("my notes")
    source.write_text("three")
    course.start()
    assert (course.folder / "glossary.md").read_text() == "my notes"


@pytest.mark.parametrize("place", ["glossary.md", ".editions/glossary.md"])
def test_a_glossary_that_was_cut_off_is_brought_again(course, monkeypatch, full_disk, place):
    source = my_course.ROOT / "notebooks" / "glossary.md"
    source.write_text("one")
    course.start()
    source.write_text("two " * 5000)
    write = my_course._write

    def cut(path, content):  # no room just when this file is written
        if path == course.folder / place:
            with full_disk():
                write(path, content)
        write(path, content)

    monkeypatch.setattr(my_course, "_write", cut)
    with pytest.raises(OSError):
        course.start()
    assert not [path for path in course.folder.rglob("*.part")]
    monkeypatch.setattr(my_course, "_write", write)
    for text in (source.read_text(), "three"):
        source.write_text(text)
        course.start()
        assert (course.folder / "glossary.md").read_text() == text


def test_a_merge_changes_none_of_its_notebooks():
    base, mine = notebook(a="1"), notebook(a="1", x="own")
    new = notebook(a="2")
    before = copy.deepcopy((base, mine, new))
    assert sources(my_course.merge(base, mine, new)) == {"a": "2", "x": "own"}
    assert (base, mine, new) == before


def test_git_does_not_touch_the_copy():
    ignored = (my_course.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"my-course/", ".lab/", "my-models/"} <= set(ignored)
    assert os.path.basename(my_course.FOLDER) == "my-course"
