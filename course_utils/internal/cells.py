"""An exercise's cell: the stub and the solution, both cut from one source."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "exercises" / "solutions"


REGION = re.compile(
    r"^(?P<indent>[ ]*)### BEGIN SOLUTION\n(?P<solution>.*?)"
    r"(?:^[ ]*### STUB\n(?P<stub>.*?))?^[ ]*### END SOLUTION\n",
    re.M | re.S,
)


def cells(lesson: int) -> dict[str, str]:
    """The marked source of a lesson's exercises, by name; ``""`` names the imports above them.

    Raises FileNotFoundError where the sources were not handed out.
    """
    path = SOURCES / f"lesson{lesson}.py"
    if not path.is_file():
        raise FileNotFoundError(f"no solutions for lesson {lesson} here: {path.name} is missing")
    prelude, *parts = re.split(r"^# %% *", path.read_text(encoding="utf-8"), flags=re.M)
    named = {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in parts}
    return {name: text.strip("\n") + "\n" for name, text in ({"": prelude} | named).items()}


def stub(text: str) -> str:
    """A marked cell as the student gets it.

    >>> stub("def f(x):\\n    ### BEGIN SOLUTION\\n    return x\\n    ### END SOLUTION\\n")
    'def f(x):\\n    ...\\n'
    """
    return REGION.sub(lambda m: m["stub"] or f"{m['indent']}...\n", text)


def solution(text: str) -> str:
    """A marked cell with its solution."""
    return REGION.sub(lambda m: m["solution"], text)


def show_solution(name: str) -> None:
    """Print the solution of one exercise. Raises KeyError for a name that there is not."""
    for path in sorted(SOURCES.glob("lesson*.py")):
        found = cells(int(path.stem.removeprefix("lesson")))
        if name and name in found:
            print(solution(found[name]).rstrip())
            return
    raise KeyError(f"no exercise “{name}” (or its solution was not handed out)")


def stubs(lesson: int) -> dict[str, str]:
    """The lesson's exercises as a student gets them, ``{name: cell}``; empty without sources."""
    try:
        return {name: stub(text).rstrip() for name, text in cells(lesson).items() if name}
    except FileNotFoundError:  # a handout: its notebooks hold the stubs already
        return {}


def exercise_of(source: str) -> str | None:
    """The name of the exercise that a cell checks, or None: ``exercises.check_<name>(…)``."""
    found = re.search(r"^exercises\.check_(\w+)\(", source, re.M)
    return found[1] if found else None
