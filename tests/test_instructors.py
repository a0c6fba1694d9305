"""The instructors' page and the notebooks agree on slides, exercises and minutes."""

import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
PAGE = (FOLDER / "INSTRUCTORS.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted(FOLDER.glob("0*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def row(number: str) -> list[int]:
    """Slides, exercises and minutes (without and with exercises) that the page gives a lesson."""
    [line] = re.findall(rf"^\| {number} · [^|]*\|([ \d|]+)\|$", PAGE, re.M)
    return [int(entry) for entry in line.split("|")]


def counted(path: Path) -> tuple[int, int]:
    """The slides and the exercises of a notebook."""
    nb = nbformat.read(path, as_version=4)
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in nb.cells]
    exercises = sum("exercise" in cell.metadata.get("tags", []) for cell in nb.cells)
    return kinds.count("slide") + kinds.count("subslide"), exercises


def minutes(text: str) -> tuple[int, int]:
    """The minutes in a notebook's table of two sittings: the sections', the exercises'."""
    pairs = re.findall(r"\| (\d+)(?: \(\+ (\d+)\))? (?=\|)", text)
    return sum(int(own) for own, _ in pairs), sum(int(more or 0) for _, more in pairs)


@each_notebook
def test_slides_and_exercises_are_counted_right(path):
    assert tuple(row(path.stem[1])[:2]) == counted(path)


@each_notebook
def test_the_minutes_are_those_of_the_notebook(path):
    opening = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells[:3])
    own, exercises = minutes(opening)
    assert row(path.stem[1])[2:] == [own, own + exercises]
    # and those of the plan
    plan = PAGE.split(f"| {path.stem[1]} · ")[2].split("\n\n")[0]
    assert re.search(r"in all \| \*\*(\d+)\*\* \| \*\*(\d+)\*\*", plan).groups() == (
        str(own),
        str(exercises),
    )


def test_minutes_are_added_up():
    table = "| one | 5 | two | 10 (+ 5) |\n|---|---|---|---|\n| | | three | 7 (+ 4) |"
    assert minutes(table) == (22, 9)
