"""Exercises with feedback at once, and one source for an exercise and its solution.

The source of a lesson's exercises is ``assets/exercises/lessonN.py``: cells that begin with
``# %% name``, in each the solution between two marker lines, as nbgrader writes them:

    ### BEGIN SOLUTION
    return logits / temperature
    ### STUB
    return ...
    ### END SOLUTION

``stub`` is what the notebook shows (without a STUB part: ``...``), ``solution`` what the markers
hide. The checks, ``check_<name>``, stand in ``lessonN.py``; each gets what the student wrote.
"""

from __future__ import annotations

import functools
import traceback
from dataclasses import dataclass
from html import escape

COLORS = {"right": "#009E73", "not yet": "#D55E00", "to do": "#8A8A8A"}


@dataclass(frozen=True)
class Feedback:
    """What a check found: ``state`` is "right", "not yet" or "to do"; ``message`` says why."""

    state: str
    message: str

    def __repr__(self) -> str:
        return f"{self.state.capitalize()}: {self.message}"

    def _repr_html_(self) -> str:
        mark = {"right": "✔", "not yet": "✘", "to do": "✎"}[self.state]
        return (
            f'<div style="border-left:6px solid {COLORS[self.state]};padding:4px 12px;'
            f'font-size:15px"><b>{mark} {self.state.capitalize()}.</b> '
            f"{escape(self.message)}</div>"
        )


class Hint(Exception):
    """Raised by a check: the answer is wrong, and this is the likely mistake."""


class ToDo(Exception):
    """Raised by a check: the answer has not been begun."""


def check(function):
    """Turn ``function(answer)``, which raises ``Hint`` or ``ToDo``, into one that gives Feedback.

    What ``function`` returns is the message for a right answer. An answer that is still ``...``
    is to do, whatever the check would say.
    """

    @functools.wraps(function)
    def checked(*answers) -> Feedback:
        try:
            if any(answer is ... or answer is None for answer in answers):
                raise ToDo
            return Feedback("right", function(*answers))
        except ToDo:
            return Feedback("to do", "replace the three dots by your answer and run the cell.")
        except Hint as hint:
            return Feedback("not yet", str(hint))

    return checked


def call(answer, *arguments, **named):
    """What the student's function gives for these arguments.

    Raises ToDo for ``...`` or nothing, Hint when it is no function or raises itself.
    """
    if not callable(answer):
        raise Hint(f"a function is wanted, this is of type {type(answer).__name__}.")
    try:
        result = answer(*arguments, **named)
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.name == answer.__name__]
        where = f" in its line “{frames[-1].line}”" if frames and frames[-1].line else ""
        raise Hint(f"your code stops{where}: {type(error).__name__}: {error}") from None
    if result is ... or result is None:
        raise ToDo
    return result


def numbers(value, what: str = "your answer"):
    """``value`` (a number, list, array or tensor) as a float64 array; Hint if it is none."""
    import numpy as np

    try:
        return np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=np.float64)
    except (TypeError, ValueError):
        raise Hint(f"{what} should be made of numbers, not {type(value).__name__}.") from None


def near(got, want, tolerance: float = 1e-5) -> bool:
    """Same shape, and every number within ``tolerance`` (absolute and relative)."""
    import numpy as np

    got, want = numbers(got), numbers(want)
    return got.shape == want.shape and bool(np.allclose(got, want, tolerance, tolerance))


def expect(right: bool, hint: str) -> None:
    """Raise ``Hint(hint)`` unless ``right``."""
    if not right:
        raise Hint(hint)
