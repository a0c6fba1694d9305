"""Scores of a class: a notebook that hangs or raises costs its own line only."""

import ast
import csv
import io
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.tools import scores

IMPORTS = "import math\n\nfrom course_utils import exercises"
RIGHT = """def softmax(logits, temperature):
    top = max(logits)
    powers = [math.exp((z - top) / temperature) for z in logits]
    return [power / sum(powers) for power in powers]


exercises.check_softmax_with_temperature(softmax)"""
WRONG = RIGHT.replace("/ temperature", "* temperature")
CLASS = {  # by student: cells after the imports, states of two exercises, what is said to be wrong
    "Ana": ([RIGHT, "exercises.check_gigabytes(lambda *_: 1)"], ("right", "not yet"), ""),
    "raises": (
        ["size = 1 / 0", "exercises.check_gigabytes(size)", WRONG],
        ("not yet", "to do"),
        "an exercise stops",
    ),
    "hangs": (
        [RIGHT, "open(BEGUN, 'x')\nwhile True: pass\nexercises.check_gigabytes(1)"],
        ("right", "to do"),
        "stopped after 299 s",
    ),
    "leaves": (["import os\n\nmath = os._exit(4)", RIGHT], ("to do", "to do"), "could not be run"),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The CSV of a class of five, by student; three of them are broken on purpose."""
    folder = tmp_path_factory.mktemp("class")
    begun, wait = folder / "the endless loop has begun", subprocess.Popen.wait
    for student, (sources, _, _) in CLASS.items():
        (folder / student).mkdir()
        cells = [new_code_cell(text) for text in [IMPORTS, f"BEGUN = {str(begun)!r}", *sources]]
        nbformat.write(new_notebook(cells=cells), folder / student / "04_inference.ipynb")
    (folder / "=1+1.ipynb").write_text("not a notebook", encoding="utf-8")
    before = folder / "scores.csv"
    before.write_text("of last week", encoding="utf-8")

    def wait_at_most(process, timeout=None):
        """The time is up as soon as the endless loop begins: there is no limit to guess."""
        while timeout is not None and process.poll() is None:
            if begun.exists():
                begun.unlink()
                return wait(process, 0.01)
            time.sleep(0.01)
        return wait(process, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "wait", wait_at_most)
        scores.main([str(folder), "--limit", "299"])
    assert before.read_text(encoding="utf-8") == "of last week"
    with (folder / "scores-2.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("student", CLASS)
def test_each_student_has_a_line_whatever_the_others_wrote(table, student):
    _, states, problem = CLASS[student]
    row = table[student]
    assert (row["softmax_with_temperature"], row["gigabytes"]) == states
    assert row["right"] == str(states.count("right"))
    assert problem in row["problems"] and bool(problem) == bool(row["problems"])
    assert row["attention"] == "to do"


def test_what_is_no_notebook_is_said_and_no_name_becomes_a_formula(table):
    assert "could not be run" in table["'=1+1"]["problems"]
    assert len(table) == len(CLASS) + 1


def test_a_name_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    """Names of another language than the locale's, or of another system's folders."""
    students = {"Şule": [], "M\udcfcller": [], "Ana": []}
    monkeypatch.setattr(scores, "submissions", lambda folder: students)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    scores.main([str(tmp_path)])
    written = (tmp_path / "scores.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")  # without this mark Excel takes it for cp1252
    rows = csv.DictReader(written.decode("utf-8-sig").splitlines())
    assert [row["student"] for row in rows] == ["Şule", r"M\udcfcller", "Ana"]


def test_what_systems_and_jupyter_keep_is_not_handed_in(tmp_path):
    names = ["Ana/04.ipynb", "Ana/.editions/04.ipynb", "Ana/.ipynb_checkpoints/04.ipynb"]
    for name in [*names, "__MACOSX/Ana/._04.ipynb", "Bo.ipynb"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {"Ana": [tmp_path / "Ana/04.ipynb"], "Bo": [tmp_path / "Bo.ipynb"]}
    assert scores.submissions(tmp_path) == found


def test_only_the_cells_that_an_exercise_needs_are_run():
    sources = ["import numpy as np", "slow()", "def f(x): return np.sum(x)", "y = 3", "check(f)"]
    trees = [ast.parse(source) for source in sources]
    assert scores.needed_cells(trees, 4) == [0, 2, 4]


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="holds no notebooks"):
        scores.main([str(tmp_path)])
