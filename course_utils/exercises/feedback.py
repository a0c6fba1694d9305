"""What a check says about an answer, and the tools that all checks share.

A check is a function with the decorator ``check``. It raises ``Hint`` for a wrong answer and
returns the message for a right one. The usual steps of a check: ``call`` the student's function
on arguments that the student has not seen, compare the result (``near``), and if it is wrong say
which typical mistake gives this result (``name_mistake``).
"""

from __future__ import annotations

import contextlib
import copy
import dis
import functools
import inspect
import io
import re
import traceback
from dataclasses import dataclass
from html import escape

import numpy as np

from course_utils.exercises import record

COLORS = {"right": "#009E73", "not yet": "#D55E00", "to do": "#8A8A8A"}

# What Python says about a usual slip (a pattern), and what the student should do about it.
SLIPS = {
    "only supports boolean masks": "the mask holds numbers, and ~ is for True and False only: "
    "write mask == 0 for the padding.",
    "matmul|shapes cannot be multiplied|not aligned": "the inner sizes of @ must be equal: is "
    "the .T of the second table missing?",
    "Boolean value of Tensor|truth value of an array": "Python's max, if and or look at a single "
    "number. For every element at once take .clamp(min=0), torch.relu, np.maximum or np.where.",
    "can be converted to (a )?Python scalar": "a function of math takes a single number; np.exp "
    "and np.log take a whole array.",
    "'set' object is not subscriptable|'set' and 'list'|'list' and 'set'": "this argument is a "
    "set: it has no order. Go through it with for, or test with `in`.",
    "list_iterator": "this argument can only be gone through once, like a generator: make a list "
    "of it first, list(…).",
    "is being used in an in-place operation|leaf variable": "you changed an argument itself: "
    "make a new tensor (no name that ends in _, no -= or *=).",
    "call numpy\\(\\) on Tensor that requires grad": "numpy cannot pass gradients back, so nothing "
    "would be trained: stay with torch's functions.",
    "could not be broadcast|must match": "these shapes do not fit. Print both; keepdim=True "
    "(numpy: keepdims=True) or .unsqueeze(-1) keeps a dimension of 1.",
}


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
    """Raised by a check: the answer has not been started."""


def check(function):
    """Turn ``function(answer)``, which raises ``Hint`` or ``ToDo``, into one that gives Feedback.

    What ``function`` returns is the message for a right answer. An answer that is still ``...``
    is to do, whatever the check would say. What was found is kept for ``exercises.progress()``.
    """
    name = record.register(function)

    @functools.wraps(function)
    def checked(*answers) -> Feedback:
        try:
            if any(answer is ... or answer is None for answer in answers):
                raise ToDo
            found = Feedback("right", function(*answers))
        except ToDo:
            found = Feedback("to do", "replace the three dots by your answer and run the cell.")
        except Hint as hint:
            found = Feedback("not yet", str(hint))
        record.keep(name, found.state)
        return found

    return checked


def call(answer, *arguments, slips: dict[str, str] | None = None):
    """What the student's function returns for copies of these arguments.

    ``slips`` are this exercise's own ``{pattern: advice}``, tried before ``SLIPS``. Raises ToDo
    for an untouched stub. Raises Hint when the answer is no function, stops, changes what it was
    given, or returns nothing.
    """
    if not callable(answer):
        raise Hint(f"this must be a function; yours is of type {type(answer).__name__}.")
    given = [_copied(argument) for argument in arguments]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            result = answer(*given)
    except Exception as error:
        raise Hint(_advice(error, answer, [*(slips or {}).items(), *SLIPS.items()])) from None
    finally:
        print(printed.getvalue(), end="")  # what the student printed is still seen
    _expect_unchanged(answer, given, arguments)
    if result is ... or (result is None and _is_stub(answer)):
        raise ToDo
    shown = "printed its answer and returned nothing" if printed.getvalue() else "returned nothing"
    expect(result is not None, f"your function {shown}: it must end with return, not with print.")
    return result


def _copied(argument):
    """A copy that the student may change; an iterator or a parameter is passed as it is."""
    kept = hasattr(argument, "__next__")
    return argument if kept else copy.deepcopy(argument)


def _expect_unchanged(answer, given, arguments) -> None:
    """Hint if the student's function changed one of its arguments in place."""
    try:
        names = list(inspect.signature(answer).parameters)
    except (TypeError, ValueError):  # a function that is not written in Python
        names = []
    for place, (after, before) in enumerate(zip(given, arguments, strict=True)):
        if after is before or _same(after, before):
            continue
        name = names[place] if place < len(names) else "an argument"
        raise Hint(
            f"you changed {name} itself, and whoever called your function still needs it: make a "
            "new one (no -=, no *=, no .sort(), no function whose name ends in _)."
        )


def _same(one, other) -> bool:
    """Whether two arguments, of the kinds that checks pass, are equal."""
    if isinstance(one, np.ndarray) or hasattr(one, "detach"):
        return np.array_equal(numbers(one), numbers(other))
    return one == other


def _is_stub(answer) -> bool:
    """Whether the function's body does nothing, as in ``def f(x): ...``."""
    nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return hasattr(answer, "__code__") and {i.opname for i in dis.get_instructions(answer)} <= (
        nothing
    )


def _advice(error: Exception, answer, slips: list[tuple[str, str]]) -> str:
    """Where the student's function stopped, what to do about it, and what Python said."""
    name = getattr(answer, "__name__", "")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.name == name]
    where = f" in its line “{frames[-1].line}”" if frames and frames[-1].line else ""
    said = f"{type(error).__name__}: {error}"
    for pattern, advice in slips:
        if re.search(pattern, said):
            return f"your code stops{where}: {advice} (Python says: {said})"
    return f"your code stops{where}: {said}"


def numbers(value, what: str = "your answer") -> np.ndarray:
    """``value`` (a number, list, array or tensor) as a float64 array; Hint if it is none."""
    parts = [value, *value] if isinstance(value, list | tuple) else [value]
    tensors = [part.detach() if hasattr(part, "detach") else part for part in parts]
    try:
        array = np.asarray(tensors[1:] if len(tensors) > 1 else tensors[0])
    except (TypeError, ValueError, RuntimeError):  # rows of different lengths, for example
        array = np.asarray(None)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    odd = next((part for part in parts[1:] if isinstance(part, str)), None)
    if odd is not None:
        raise Hint(f"{what} should be made of numbers; “{odd}” is a text.")
    kind = f"{type(value).__name__}" + (" of unequal parts" if len(parts) > 1 else "")
    raise Hint(f"{what} should be made of numbers, not {kind}.")


def near(got, want, tolerance: float = 1e-5) -> bool:
    """Same shape, and every number within ``tolerance`` (absolute and relative).

    Two nan at the same place count as equal, so that a mistake that makes nan can be named.
    """
    got, want = numbers(got), numbers(want)
    same_shape = got.shape == want.shape
    return same_shape and bool(np.allclose(got, want, tolerance, tolerance, equal_nan=True))


def expect(right: bool, hint: str) -> None:
    """Raise ``Hint(hint)`` unless ``right``."""
    if not right:
        raise Hint(hint)


def name_mistake(got, mistakes: dict, rest: str | None = None, tolerance: float = 1e-5) -> None:
    """Raise the hint of the first of the ``mistakes``, ``{hint: its result}``, that ``got`` equals.

    Without one raise ``Hint(rest)``; nothing happens where no ``rest`` is given.
    """
    got = numbers(got)
    for hint, result in mistakes.items():
        expect(not near(got, result, tolerance), hint)
    expect(rest is None, str(rest))


def expect_gradient(got, hint: str = "no gradient flows back from this result") -> None:
    """Hint unless the result can train something: a torch tensor with a gradient."""
    expect(
        bool(getattr(got, "requires_grad", False)),
        f"{hint}, so nothing would be trained: use torch's functions from the beginning to the "
        "end, without .item(), .detach() and numpy.",
    )
