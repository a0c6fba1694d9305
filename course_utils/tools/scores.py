"""For instructors: the exercises that a class handed in, one CSV line a student.

    python -m course_utils.tools.scores FOLDER

``FOLDER`` holds a folder for each student, or one notebook for each. Every notebook runs in a
process of its own, with a time limit. Only the cells that an exercise needs are run. The result of
a check is the one that ``exercises.progress()`` keeps, so what was right before a cell hangs still
counts.

This runs code that students wrote, with your rights: use a container or an account without data.
It is a help for teachers, not an exam: a student who wants to fool it can.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import nbformat

from course_utils.exercises import record
from course_utils.internal import cells
from course_utils.internal.notebook_code import parse

LIMIT_S = 300
STOPPED = 40  # what the process returns when an exercise stopped with an error


def submissions(folder: Path) -> dict[str, list[Path]]:
    """The notebooks of each student. Raises FileNotFoundError for a folder without any."""
    found = {}
    for path in sorted(folder.rglob("*.ipynb")):
        parts = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in parts):  # checkpoints, editions, macOS' ._files
            student = parts[0].removesuffix(".ipynb")
            found.setdefault(student, []).append(path)
    if not found:
        raise FileNotFoundError(f"{folder} holds no notebooks (*.ipynb)")
    return found


# ---- in the process of its own: run the exercises of one notebook -------------------------------


def needed_cells(trees: list[ast.AST], wanted: int) -> list[int]:
    """The numbers of the cells that the cell ``wanted`` needs, itself the last.

    A cell is needed when it sets a name that a later needed cell uses.

    >>> needed_cells([ast.parse(s) for s in ("a = 1", "print(2)", "b = a", "b + 1")], 3)
    [0, 2, 3]
    """
    chosen, names = [wanted], used_names(trees[wanted])
    for number in range(wanted - 1, -1, -1):
        if set_names(trees[number]) & names:
            chosen.append(number)
            names |= used_names(trees[number])
    return chosen[::-1]


def used_names(tree: ast.AST) -> set[str]:
    """Every name that the code reads."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def set_names(tree: ast.AST) -> set[str]:
    """Every name that the code assigns, defines or imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return found


def run(path: Path) -> int:
    """Run every exercise of a notebook; the checks keep what they find.

    Returns how many exercises stopped with an error: they cost nothing but themselves.
    """
    nb = nbformat.read(path, as_version=4)
    sources = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    trees = [parse(source) for source in sources]
    stopped = 0
    for number, source in enumerate(sources):
        if cells.exercise_of(source) is None:
            continue
        # each exercise starts with no names, so that one cannot spoil another
        names = {"__name__": "__main__"}
        try:
            for needed in needed_cells(trees, number):
                exec(compile(trees[needed], f"<cell {needed}>", "exec"), names)
        except (Exception, SystemExit):
            stopped += 1
    return stopped


# ---- in the teacher's process: start, wait, read ------------------------------------------------


def score(path: Path, limit_s: float) -> tuple[dict[str, str], str]:
    """``({exercise: state}, problem)`` of one notebook; the problem is "" if there was none."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        problem = run_apart(path, Path(folder), limit_s)
        with mock.patch.dict(os.environ, COURSE_MODELS=folder):
            return record.states(), problem


def run_apart(path: Path, folder: Path, limit_s: float) -> str:
    """Run a notebook in a process of its own, which works in ``folder``; what went wrong, or ""."""
    command = [sys.executable, "-m", "course_utils.tools.scores", "--run", str(path.resolve())]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"COURSE_MODELS": str(folder), "MPLBACKEND": "agg"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        return f"{path.name}: stopped after {limit_s:g} s"
    finally:
        end(process)
    said = {0: "", STOPPED: f"{path.name}: an exercise stops with an error"}
    return said.get(code, f"{path.name}: could not be run")


def end(process: subprocess.Popen) -> None:
    """End a process and, where the system has groups of processes, all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def line(student: str, paths: list[Path], limit_s: float) -> dict[str, str | int]:
    """The CSV line of a student: the best state of each exercise, and what went wrong."""
    best, problems = dict.fromkeys(record.LESSON_OF, "to do"), []
    for path in paths:
        states, problem = score(path, limit_s)
        problems += [problem] if problem else []
        for name, state in states.items():
            best[name] = max(best[name], state, key=record.STATES.index)
    done = sum(state == "right" for state in best.values())
    # a spreadsheet takes a text that starts with one of these for a formula
    shown = f"'{student}" if student.startswith(("=", "+", "-", "@")) else student
    # a file name of another system may hold what is no letter: it is written as \udcfc
    texts = (text.encode(errors="backslashreplace") for text in (shown, "; ".join(problems)))
    shown, problem = (text.decode() for text in texts)
    return {"student": shown, "right": done, "problems": problem, **best}


def free_name(path: Path) -> Path:
    """``path``, or with a number if that file exists: no earlier scores are overwritten."""
    number, free = 2, path
    while free.exists():
        free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return free


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what the class handed in")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for one notebook")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        sys.exit(STOPPED if run(options.folder) else 0)
    with contextlib.suppress(AttributeError):  # the locale may not know a name's letters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        found = submissions(options.folder)
    except OSError as error:
        sys.exit(str(error))
    target = free_name(options.folder / "scores.csv")
    with target.open("x", encoding="utf-8-sig", newline="") as file:
        columns = ["student", "right", "problems", *record.LESSON_OF]
        table = csv.DictWriter(file, columns)
        table.writeheader()
        for student, paths in found.items():
            row = line(student, paths, options.limit)
            table.writerow(row)
            file.flush()  # Ctrl-C keeps the lines so far
            print(f"{row['student']}: {row['right']} right {row['problems']}", flush=True)
    print(target)


if __name__ == "__main__":
    main()
