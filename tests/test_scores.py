"""Scores of a class: a notebook that hangs or raises costs its own line only."""

import ast
import csv
import io
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
CLASS = {  # by student: the cells after the imports, the state, what is said to have gone wrong
    "Ana": ([RIGHT], "right", ""),
    "Bo": ([WRONG], "not yet", ""),
    "raises": (["math = 1 / 0", RIGHT], "to do", "an exercise stops"),
    "hangs": ([RIGHT, "while True: pass\nexercises.check_gigabytes(1)"], "right", "stopped after"),
    "leaves": (["import os\n\nmath = os._exit(4)", RIGHT], "to do", "could not be run"),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The CSV of a class of six, by student; three of them are broken on purpose."""
    folder = tmp_path_factory.mktemp("class")
    for student, (sources, _, _) in CLASS.items():
        (folder / student).mkdir()
        cells = [new_code_cell(text) for text in [IMPORTS, *sources]]
        nbformat.write(new_notebook(cells=cells), folder / student / "04_inference.ipynb")
    (folder / "=1+1.ipynb").write_text("not a notebook", encoding="utf-8")
    start = time.monotonic()
    scores.score(folder / "Ana" / "04_inference.ipynb", 300)
    limit = 3 * (time.monotonic() - start)  # seconds: enough on a slow machine too
    before = folder / "scores.csv"
    before.write_text("of last week", encoding="utf-8")
    scores.main([str(folder), "--limit", str(limit)])
    assert before.read_text(encoding="utf-8") == "of last week"
    with (folder / "scores-2.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("student", CLASS)
def test_each_student_has_a_line_whatever_the_others_wrote(table, student):
    _, state, problem = CLASS[student]
    row = table[student]
    assert row["softmax_with_temperature"] == state
    assert row["right"] == str(int(state == "right"))
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
