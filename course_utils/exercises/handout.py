"""For instructors: the course without its solutions, and the notebooks with them filled in.

python -m course_utils.exercises.handout               the course for students: build/handout
python -m course_utils.exercises.handout --solutions   notebooks with answers: build/solutions
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from course_utils.exercises import core

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["README.md", "LICENSE", "Makefile", "requirements.txt", "pyproject.toml"] + [
    "notebooks", "course_utils", "images"
]  # fmt: skip


def hand_out(folder: Path) -> None:
    """Copy the course to ``folder``, which is replaced: all that a student needs, no solution."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    leave_out = shutil.ignore_patterns("__pycache__", ".*", "*.pyc")
    for part in map(ROOT.joinpath, PARTS):
        if part.is_dir():
            shutil.copytree(part, folder / part.name, ignore=leave_out)
        else:
            shutil.copy2(part, folder)
    shutil.rmtree(folder / core.SOURCES.relative_to(ROOT))


def with_solutions(path: Path):
    """The notebook ``path`` (nbformat) with every exercise solved, not run yet.

    Raises ValueError for an exercise cell that is not as the course wrote it.
    """
    import nbformat

    nb = nbformat.read(path, as_version=4)
    answers = {
        core.stub(text).rstrip(): core.solution(text).rstrip()
        for name, text in core.cells(int(path.name[:2])).items()
        if name
    }
    for i, cell in enumerate(nb.cells):
        if "exercise" in cell.metadata.get("tags", []):
            if cell.source.rstrip() not in answers:
                raise ValueError(f"{path.name}, cell {i} is no untouched exercise of the course")
            cell.update(source=answers[cell.source.rstrip()], outputs=[], execution_count=None)
    return nb


def main(arguments=None) -> None:
    import nbformat

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--solutions", action="store_true", help="the notebooks with answers")
    parser.add_argument("--to", type=Path, help="folder (default: build/handout, build/solutions)")
    options = parser.parse_args(arguments)
    folder = options.to or ROOT / "build" / ("solutions" if options.solutions else "handout")
    if options.solutions:
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
            nbformat.write(with_solutions(path), folder / path.name)
    else:
        hand_out(folder)
    print(f"written to {folder}")


if __name__ == "__main__":
    main()
