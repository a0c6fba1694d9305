"""Exercises: the solution passes, the stub does not, typical wrong answers get a fitting hint."""

import importlib
import re
from pathlib import Path

import nbformat
import pytest

from course_utils import exercises
from course_utils.exercises import cells, feedback

NOTEBOOKS = {
    int(path.stem[:2]): path
    for path in (Path(__file__).resolve().parents[1] / "notebooks").glob("0*.ipynb")
}
LESSONS = sorted(int(path.stem.removeprefix("lesson")) for path in cells.SOURCES.glob("*.py"))
ALL = [(lesson, name) for lesson in LESSONS for name in cells.cells(lesson) if name]
every = pytest.mark.parametrize("lesson, name", ALL)


def run(lesson, name, code):
    """The Feedback that a cell's last line gives, in a namespace with the lesson's imports."""
    lines = code.rstrip().splitlines()
    start = max(i for i, line in enumerate(lines) if re.match(r"exercises\.check_\w+\(", line))
    space = {"exercises": exercises}
    exec(cells.cells(lesson)[""], space)
    exec("\n".join(lines[:start]), space)
    return eval("\n".join(lines[start:]), space)


def wrong_answers(lesson):
    """{name: [(code instead of the solution region, words of the hint), …]}"""
    return importlib.import_module(f"wrong_answers_{lesson}").WRONG


@every
def test_solution_passes(lesson, name):
    feedback = run(lesson, name, cells.solution(cells.cells(lesson)[name]))
    assert feedback.state == "right", feedback.message


@every
def test_stub_is_to_do(lesson, name):
    assert run(lesson, name, cells.stub(cells.cells(lesson)[name])).state == "to do"


@every
def test_wrong_answers_get_a_hint_that_fits(lesson, name):
    cases = wrong_answers(lesson)[name]
    assert len(cases) >= 3
    hints = []
    for answer, words in cases:
        text = cells.cells(lesson)[name]
        region = cells.REGION.search(text)
        lines = [f"{region['indent']}{line}\n" for line in answer.strip("\n").splitlines()]
        code = text[: region.start()] + "".join(lines) + text[region.end() :]
        feedback = run(lesson, name, cells.solution(code))
        assert feedback.state == "not yet", answer
        assert words in feedback.message, (answer, feedback.message)
        hints.append(feedback.message)
    assert len(set(hints)) >= 3, "three mistakes, three different hints"


@every
def test_the_notebook_shows_the_stub(lesson, name):
    nb = nbformat.v4.reads(NOTEBOOKS[lesson].read_text(encoding="utf-8"))
    found = [c for c in nb.cells if "exercise" in c.metadata.get("tags", [])]
    assert cells.stub(cells.cells(lesson)[name]).rstrip() in [c.source.rstrip() for c in found]


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_exercise_of_a_notebook_has_a_source_and_there_are_at_least_four(lesson):
    nb = nbformat.v4.reads(NOTEBOOKS[lesson].read_text(encoding="utf-8"))
    shown = [c.source for c in nb.cells if "exercise" in c.metadata.get("tags", [])]
    assert len(shown) == len(cells.cells(lesson)) - 1 >= 4


# ---- The machinery ------------------------------------------------------------------------------


def test_every_lesson_is_there():
    assert LESSONS == [1, 2, 3, 4]


def test_three_dots_are_to_do_and_a_right_answer_says_so():
    double = feedback.check(lambda answer: f"{answer} it is")
    assert double(...).state == double(None).state == "to do"
    assert double(3) == feedback.Feedback("right", "3 it is")


def test_call_turns_trouble_into_hints():
    with pytest.raises(feedback.Hint, match="function is wanted, this is of type int"):
        feedback.call(3)
    with pytest.raises(feedback.ToDo):
        feedback.call(lambda: ...)
    with pytest.raises(feedback.ToDo):
        feedback.call(lambda: None)
    with pytest.raises(feedback.Hint, match="ZeroDivisionError: division by zero"):
        feedback.call(lambda: 1 / 0)


def test_numbers_and_near():
    assert feedback.near([1, 2], [1.000001, 2])
    assert not feedback.near([1, 2], [[1, 2]])
    assert not feedback.near([float("nan")], [1.0])
    with pytest.raises(feedback.Hint, match="made of numbers, not str"):
        feedback.numbers("three")


def test_regions_with_and_without_a_stub():
    text = "a = 1\n### BEGIN SOLUTION\nb = 2\n### STUB\nb = ...\n### END SOLUTION\nc = 3\n"
    assert cells.stub(text) == "a = 1\nb = ...\nc = 3\n"
    assert cells.solution(text) == "a = 1\nb = 2\nc = 3\n"
    plain = "    ### BEGIN SOLUTION\n    b = 2\n    ### END SOLUTION\n"
    assert cells.stub(plain) == "    ...\n"


def test_feedback_is_escaped():
    html = feedback.Feedback("not yet", "<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in html and "&lt;img" in html


def test_show_solution(capsys):
    lesson, name = ALL[0]
    exercises.show_solution(name)
    assert capsys.readouterr().out.strip() == cells.solution(cells.cells(lesson)[name]).strip()
    for nothing in ("no such exercise", ""):
        with pytest.raises(KeyError, match="no exercise"):
            exercises.show_solution(nothing)


def test_sources_that_were_not_handed_out(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "SOURCES", tmp_path)
    with pytest.raises(FileNotFoundError, match="no solutions for lesson 1 here"):
        cells.cells(1)
