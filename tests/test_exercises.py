"""Exercises: the solution passes, the stub does not, typical wrong answers get a fitting hint."""

import functools
import importlib
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course_utils import exercises, sampling
from course_utils.exercises import feedback, record
from course_utils.internal import cells

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
    space = {"exercises": exercises, "write_many": write_many, "judge": judge}
    exec(cells.cells(lesson)[""], space)
    exec("\n".join(lines[:start]), space)
    return eval("\n".join(lines[start:]), space)


def write_many(**how):
    """Stands in for the language model: settings are checked as there, the settings come back."""
    sampling.next_probabilities(np.arange(50.0)[None], **how)
    return how


def judge(how):
    """What the language model's texts got at such settings when it was measured."""
    temperature = how.get("temperature", 1.0)
    new = np.interp(temperature, (0.2, 0.7, 1.0, 1.5), (0.68, 0.95, 0.99, 1.0))
    likely = np.interp(temperature, (0.2, 0.7, 1.0, 1.5), (-1.1, -1.6, -3.7, -8.7))
    if how.get("top_k") == 1 or how.get("top_p", 1) < 0.1:
        new, likely = 0.11, -1.2
    elif how.get("min_p", 0) >= 0.1:
        likely = max(likely, -2.4)
    return {"new": float(new), "likely": float(likely)}


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
    assert len(cases) >= 12
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


def stub(x):
    """What the notebook shows."""
    ...


def no_return(x):
    double = [2 * number for number in x]  # noqa: F841


def in_place(x):
    x.sort()
    return [1, 2, 3]


@pytest.mark.parametrize(
    "answer, hint",
    [
        (3, "must be a function; yours is of type int"),
        (lambda x: 1 / 0, "ZeroDivisionError: division by zero"),
        (functools.partial(math.log, "a"), "your code stops: TypeError"),
        (print, "printed its answer and returned nothing: it must end with return"),
        (no_return, "your function returned nothing"),
        (in_place, "you changed x itself"),
        (lambda x: torch.ones(2).masked_fill(~torch.tensor([1, 0]), 0), "mask == 0"),
        (lambda x: np.ones((2, 3)) @ np.ones((2, 3)), "is the .T of the second table missing"),
        (lambda x: torch.ones(2, 3) / torch.ones(2), "keepdim=True"),
        (lambda x: max(torch.ones(2), 0) or math.exp(np.ones(2)), "look at a single number"),
        (lambda x: math.exp(np.ones(2)), "np.exp"),
        (lambda x: set(x)[0], "is a set"),
    ],
)
def test_call_turns_trouble_into_hints(answer, hint):
    with pytest.raises(feedback.Hint) as found:
        feedback.call(answer, [3, 1, 2])
    assert hint in str(found.value)


@pytest.mark.parametrize("answer", [stub, lambda x: ..., lambda x: None])
def test_an_untouched_stub_is_to_do(answer):
    with pytest.raises(feedback.ToDo):
        feedback.call(answer, [3, 1, 2])


def test_what_a_student_prints_is_still_seen(capsys):
    assert feedback.call(lambda x: print("here") or x, 5) == 5
    assert capsys.readouterr().out == "here\n"


def test_a_loss_without_a_gradient_is_refused():
    weights = torch.ones(2, requires_grad=True)
    feedback.expect_gradient(weights.sum())
    for loss in (weights.sum().detach(), weights.sum().item(), np.float64(2)):
        with pytest.raises(feedback.Hint, match="nothing would be trained"):
            feedback.expect_gradient(loss)


def test_numbers_and_near():
    assert feedback.near([1, 2], [1.000001, 2])
    assert feedback.near([torch.ones(2, requires_grad=True), [1, 1]], np.ones((2, 2)))
    assert not feedback.near([1, 2], [[1, 2]])
    assert not feedback.near([float("nan")], [1.0])
    for wrong, hint in [
        ("three", "made of numbers, not str"),
        ("3", "made of numbers, not str"),
        ([1, "two"], "“two” is a text"),
        ([[1], [2, 3]], "not list of unequal parts"),
        (None, "not NoneType"),
    ]:
        with pytest.raises(feedback.Hint, match=hint):
            feedback.numbers(wrong)


# ---- Progress -----------------------------------------------------------------------------------


@pytest.fixture
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / record.FILE


def test_progress_lists_every_exercise_and_how_far_it_is(own_progress):
    assert [(lesson, name) for lesson, name, _ in record.progress().rows] == ALL
    exercises.check_gigabytes(lambda n, dimensions, bits=32: n * dimensions * bits / 8 / 1e9)
    exercises.check_keep_k(lambda z, k: z)
    exercises.check_nucleus(...)
    reached = record.states()
    assert [reached[name] for name in ("gigabytes", "keep_k", "nucleus")] == [
        "right",
        "not yet",
        "to do",
    ]
    text, page = repr(exercises.progress()), exercises.progress()._repr_html_()
    assert f"1 of {len(ALL)} exercises done" in text and "✔ done" in page


def test_what_is_done_stays_done(own_progress):
    for state in ("right", "to do", "not yet"):
        record.keep("gigabytes", state)
    assert record.states()["gigabytes"] == "right"


def test_progress_changes_nothing_that_is_in_its_file(own_progress):
    own_progress.parent.mkdir()
    own_progress.write_bytes(b'my remarks\n[1]\n{"exercise": 7}\n\xff{"exercise": "keep_k", "st')
    before = own_progress.read_bytes()
    record.keep("keep_k", "right")
    assert own_progress.read_bytes().startswith(before)
    assert record.states()["keep_k"] == "right"


def test_a_check_answers_where_progress_cannot_be_kept(own_progress):
    own_progress.parent.write_text("a file, so there is no folder")
    assert exercises.check_gigabytes(...).state == "to do"
    assert exercises.check_gigabytes(lambda n, d, b=32: 1).state == "not yet"


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
