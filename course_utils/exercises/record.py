"""Which exercises are done: ``exercises.progress()`` lists them for the whole course.

Each check adds a line to ``exercises.jsonl`` in the folder of the student's models when an
exercise gets further. Lines are only added, never changed, so two notebooks can write at once.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from course_utils.training import models_folder

STATES = ("to do", "not yet", "right")  # in this order: an exercise only moves on
MARKS = {"to do": "✎ to do", "not yet": "✘ not yet", "right": "✔ done"}
FILE = "exercises.jsonl"
LESSON_OF: dict[str, int] = {}  # every exercise, in the order of the course


def register(check) -> str:
    """Add ``check_<name>`` of a module ``lesson<N>…`` to the list; returns its name."""
    name = check.__name__.removeprefix("check_")
    lesson = check.__module__.rpartition("lesson")[2]
    if lesson[:1].isdigit():
        LESSON_OF[name] = int(lesson[0])
    return name


def _path() -> Path:
    return models_folder() / FILE


def states() -> dict[str, str]:
    """The furthest state of each exercise, by name. Lines that cannot be read are skipped."""
    found = dict.fromkeys(LESSON_OF, "to do")
    try:
        lines = _path().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # nothing was kept yet
        return found
    for line in lines:
        try:
            entry = json.loads(line)
            name, state = entry["exercise"], entry["state"]
        except (ValueError, TypeError, KeyError):  # a line that was cut off
            continue
        if name in found and state in STATES:
            found[name] = max(found[name], state, key=STATES.index)
    return found


def keep(name: str, state: str) -> None:
    """Remember that the exercise ``name`` got to ``state``; a folder without room is no error."""
    before = states().get(name)
    if before is None or STATES.index(state) <= STATES.index(before):
        return
    line = json.dumps({"exercise": name, "state": state})
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        with _path().open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")  # a new line first: the last one may have been cut off
    except OSError:
        pass  # the folder is read-only or full: the check itself still answers


class Progress:
    """A list of ``(lesson, name, state)``; a notebook shows it as a table."""

    def __init__(self) -> None:
        reached = states()
        self.rows = [(LESSON_OF[name], name, reached[name]) for name in LESSON_OF]

    def _title(self) -> str:
        done = sum(state == "right" for _, _, state in self.rows)
        return f"{done} of {len(self.rows)} exercises done"

    def __repr__(self) -> str:
        lines = [
            f"notebook {lesson}  {name:26} {MARKS[state]}" for lesson, name, state in self.rows
        ]
        return "\n".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        cells = [
            f"<tr><td>notebook {lesson}</td><td>{escape(name)}</td><td>{MARKS[state]}</td></tr>"
            for lesson, name, state in self.rows
        ]
        return f"<b>{self._title()}</b><table>{''.join(cells)}</table>"


def progress() -> Progress:
    """List every exercise of the course: done, not yet right, or to do."""
    return Progress()
