"""For instructors: the course without its solutions, and the notebooks with them filled in.

python -m course_utils.tools.handout               the course for students: build/handout
python -m course_utils.tools.handout --solutions   notebooks with answers: build/solutions

A folder that holds anything but a ``.git`` is refused. With ``--replace`` what it holds is first
moved to a new folder next to it, so nothing is lost.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

import nbformat

import course_utils
from course_utils.internal import cells

ROOT = Path(__file__).resolve().parents[2]
# What holds solutions, or answers that are nearly right.
SECRET = (
    "course_utils/exercises/solutions/*",
    "tests/wrong_answers_*.py",
    "tests/test_exercises.py",
    "tests/test_handout.py",
)


def course_files() -> list[str]:
    """The course's own files: those that git knows, and nothing else that lies in the folder.

    Raises FileNotFoundError where there is no git or no clone.
    """
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        listed = b""
    names = os.fsdecode(listed).split("\0")  # whatever letters the locale knows
    if "course_utils/__init__.py" not in names:  # no clone, or unpacked inside another one
        raise FileNotFoundError(
            "git lists the files to hand out: install git, and run this in a clone of the course."
        )
    return [name for name in names if name and (ROOT / name).is_file()]


def without_solutions() -> dict[str, bytes]:
    """All that a student needs, by path within the course; no solution."""
    files = {}
    for name in course_files():
        if any(fnmatch(name, pattern) for pattern in SECRET):
            continue
        files[name] = (ROOT / name).read_bytes()
        if fnmatch(name, "notebooks/0*.ipynb"):
            files[name] = untouched(ROOT / name)
    return files


def untouched(path: Path) -> bytes:
    """The notebook ``path`` with its stubs put back, where somebody answered exercises in it.

    Then all outputs are cleared, too: a later cell may show the answer. Raises ValueError for an
    exercise that the course does not know.
    """
    nb, stubs, answered = nbformat.read(path, as_version=4), cells.stubs(int(path.name[:2])), False
    for i, cell in exercise_cells(nb):
        stub = stubs.get(cells.exercise_of(cell.source))
        if stub is None and stubs:
            raise ValueError(f"{path.name}, cell {i} is no exercise of the course")
        shown = str(cell.outputs)
        stale = "To do" not in shown and bool(cell.outputs)
        if stub is not None and (cell.source.rstrip() != stub or stale):
            cell.source, answered = stub, True
    if not answered:
        return path.read_bytes()
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return f"{nbformat.writes(nb)}\n".encode()


def exercise_cells(nb) -> list:
    """``(index, cell)`` of a notebook's exercises."""
    return [(i, c) for i, c in enumerate(nb.cells) if "exercise" in c.metadata.get("tags", [])]


def solved_notebooks() -> dict[str, bytes]:
    """Each notebook with its exercises solved, by file name.

    Raises the same errors as ``with_solutions``.
    """
    paths = sorted((ROOT / "notebooks").glob("0*.ipynb"))
    return {path.name: f"{nbformat.writes(with_solutions(path))}\n".encode() for path in paths}


def with_solutions(path: Path):
    """The notebook ``path`` (nbformat) with every exercise solved, not run yet.

    Raises ValueError for an exercise that the course does not know, FileNotFoundError where the
    solutions were not handed out.
    """
    nb, sources = nbformat.read(path, as_version=4), cells.cells(int(path.name[:2]))
    for i, cell in exercise_cells(nb):
        name = cells.exercise_of(cell.source)
        if name not in sources:
            raise ValueError(f"{path.name}, cell {i} is no exercise of the course")
        solution = cells.solution(sources[name]).rstrip()
        cell.update(source=solution, outputs=[], execution_count=None)
    return nb


def held(folder: Path) -> list[Path]:
    """What is in ``folder``, but for a ``.git``."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: name a folder with TO=.")
    return [path for path in sorted(folder.iterdir()) if path.name != ".git"]


def check_target(folder: Path, replace: bool, solutions: bool) -> None:
    """Raise ValueError or FileExistsError unless ``folder`` may be written."""
    real, build = folder.resolve(), ROOT / "build"
    inside = real.is_relative_to(ROOT) and not (real.is_relative_to(build) and real != build)
    if inside or ROOT.is_relative_to(real):
        raise ValueError(f"{folder} is part of the course itself: name a folder elsewhere.")
    if solutions and (folder / "course_utils").exists():
        raise FileExistsError(
            f"{folder} is a handout, so students may see it: nothing was changed. Name another "
            "folder for the solutions, with TO=."
        )
    if held(folder) and not replace:
        raise FileExistsError(
            f"{folder} is not empty: nothing was changed. REPLACE=1 moves what is in it to a new "
            "folder next to it; TO= names another folder."
        )


def write(folder: Path, files: dict[str, bytes]) -> Path | None:
    """Write ``files`` into ``folder``; returns where its old content was moved, if there was any.

    All is first written next to the folder, so a full disk or Ctrl-C leaves it as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as new:
        for name, content in files.items():
            path = Path(new, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod((ROOT / name).stat().st_mode if (ROOT / name).is_file() else 0o644)
        moved = set_aside(folder)
        folder.mkdir(exist_ok=True)
        for path in sorted(Path(new).iterdir()):
            path.rename(folder / path.name)
    return moved


def set_aside(folder: Path) -> Path | None:
    """Move what is in ``folder`` to ``<folder>-before-<number>``; a ``.git`` stays."""
    if not held(folder):
        return None
    number = 1
    while (aside := folder.with_name(f"{folder.name}-before-{number}")).exists():
        number += 1
    aside.mkdir()
    for path in held(folder):
        path.rename(aside / path.name)
    return aside


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--solutions", action="store_true", help="the notebooks with answers")
    parser.add_argument("--to", type=Path, help="folder (default: build/handout, build/solutions)")
    parser.add_argument("--replace", action="store_true", help="first move away what is there")
    options = parser.parse_args(arguments)
    folder = options.to or ROOT / "build" / ("solutions" if options.solutions else "handout")
    try:
        check_target(folder, options.replace, options.solutions)
        moved = write(folder, solved_notebooks() if options.solutions else without_solutions())
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print(
        f"version {course_utils.__version__} written to {folder}"
        + (f"; what was there is in {moved}" if moved else "")
    )


if __name__ == "__main__":
    main()
