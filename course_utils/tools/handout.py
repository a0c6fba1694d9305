"""For instructors: the course without its solutions, and the notebooks with them filled in.

python -m course_utils.tools.handout               the course for students: build/handout
python -m course_utils.tools.handout --solutions   notebooks with answers: build/solutions

A second run replaces what the first one wrote, and nothing else: the folder keeps a list of it,
``.handout.json``. A file that somebody added stays; one that somebody changed stops the run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from course_utils.exercises import cells

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["README.md", "LICENSE", "Makefile", "requirements.txt", "pyproject.toml"] + [
    "notebooks", "course_utils", "images"
]  # fmt: skip
MANIFEST = ".handout.json"  # in each folder written here: {path: SHA-256 of what was written}


def without_solutions() -> dict[str, bytes]:
    """All that a student needs, by path within the course; no solution."""
    files = {}
    for part in map(ROOT.joinpath, PARTS):
        for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
            within = path.relative_to(ROOT)
            cache = any(name.startswith((".", "__pycache__")) for name in within.parts)
            if path.is_file() and not cache and cells.SOURCES not in path.parents:
                files[within.as_posix()] = path.read_bytes()
    return files


def solved_notebooks() -> dict[str, bytes]:
    """Each notebook with its exercises solved, by file name. Raises as ``with_solutions``."""
    import nbformat

    paths = sorted((ROOT / "notebooks").glob("0*.ipynb"))
    return {path.name: f"{nbformat.writes(with_solutions(path))}\n".encode() for path in paths}


def with_solutions(path: Path):
    """The notebook ``path`` (nbformat) with every exercise solved, not run yet.

    Raises ValueError for an exercise cell that is not as the course wrote it, FileNotFoundError
    where the solutions were not handed out.
    """
    import nbformat

    nb = nbformat.read(path, as_version=4)
    answers = {
        cells.stub(text).rstrip(): cells.solution(text).rstrip()
        for name, text in cells.cells(int(path.name[:2])).items()
        if name
    }
    for i, cell in enumerate(nb.cells):
        if "exercise" in cell.metadata.get("tags", []):
            if cell.source.rstrip() not in answers:
                raise ValueError(f"{path.name}, cell {i} is no untouched exercise of the course")
            cell.update(source=answers[cell.source.rstrip()], outputs=[], execution_count=None)
    return nb


def digest(content: bytes) -> str:
    """The SHA-256 of ``content``, as a manifest holds it."""
    return hashlib.sha256(content).hexdigest()


def written_before(folder: Path) -> dict[str, str]:
    """The manifest of ``folder``; empty for a folder that is new or empty.

    Raises FileExistsError for a folder that was not written here.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    try:
        return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise FileExistsError(
            f"{folder} is there already, and this command did not write it: nothing was changed. "
            "Name a new folder with --to, or move this one away."
        ) from None


def in_the_way(folder: Path, before: dict[str, str], files: dict[str, bytes]) -> list[str]:
    """Paths to be written or removed where something stands that this command did not write."""
    found, root = [], folder.resolve()
    for name in sorted({*before, *files}):
        path = folder / name
        if path.resolve() != Path(f"{root}/{name}"):  # through a link it would be somewhere else
            found.append(name)
        elif path.is_file():
            own = {before.get(name), digest(files[name]) if name in files else None}
            if digest(path.read_bytes()) not in own:
                found.append(name)
        elif path.exists() or any(above.is_file() for above in path.parents):
            found.append(name)
    return found


def replace(folder: Path, files: dict[str, bytes]) -> None:
    """Write ``files`` into ``folder`` in place of what an earlier call wrote there.

    What somebody added stays. Raises, with nothing changed, ValueError for a folder inside what
    is handed out, FileExistsError for one that was not written here or where a file to be
    replaced was changed since.
    """
    if any(folder.resolve().is_relative_to(ROOT / part) for part in PARTS):
        raise ValueError(f"{folder} is part of what is handed out: name a folder elsewhere.")
    before = written_before(folder)
    if changed := in_the_way(folder, before, files):
        some = ", ".join(changed[:5]) + (", …" if len(changed) > 5 else "")
        raise FileExistsError(
            f"In {folder} somebody changed {some}: nothing was written, so that nothing is lost. "
            "Move the folder away, or name a new one with --to."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in before.keys() - files.keys():
        (folder / name).unlink(missing_ok=True)
    manifest = {name: digest(content) for name, content in files.items()}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--solutions", action="store_true", help="the notebooks with answers")
    parser.add_argument("--to", type=Path, help="folder (default: build/handout, build/solutions)")
    options = parser.parse_args(arguments)
    folder = options.to or ROOT / "build" / ("solutions" if options.solutions else "handout")
    try:
        replace(folder, solved_notebooks() if options.solutions else without_solutions())
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print(f"written to {folder}")


if __name__ == "__main__":
    main()
