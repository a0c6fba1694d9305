"""The student's own copy of the notebooks: ``my-course``, next to ``notebooks``.

A copy holds no outputs, so a question is read before its answer, and no notes for instructors.
The first ``make lab`` makes it, and nothing that a student wrote is ever overwritten. When a newer
edition of a notebook comes in, a cell that the student has not changed becomes the new one; the
student's own cells and answers stay. Where both changed the same cell, the new edition is written
next to the student's notebook, as NAME.new-edition.ipynb.

``my-course/.editions`` keeps what was given out, to know what the student changed.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
from pathlib import Path

import nbformat

from course_utils.internal import cells

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "my-course"
TEXTS = ("glossary.md", "sliveshow.css")  # notebooks link to the one, live slides need the other


def home() -> Path:
    """Where ``my-course`` and the settings lie: in the course, or in the reader's home folder.

    The second where the course belongs to somebody else, as on a shared machine.
    """
    return ROOT if os.access(ROOT, os.W_OK) else Path.home() / "sentence-transformers-course"


def student_copy(path: Path):
    """The notebook ``path`` (nbformat) as a student gets it: no outputs, stubs, no notes."""
    nb, stubs = nbformat.read(path, as_version=4), cells.stubs(int(path.name[:2]))
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in nb.cells]
    nb.cells = [cell for cell, kind in zip(nb.cells, kinds, strict=True) if kind != "notes"]
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.update(outputs=[], execution_count=None)
        tags = cell.metadata.get("tags", [])
        if "hide-input" in tags:
            cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
        if "exercise" in tags:
            cell.source = stubs.get(cells.exercise_of(cell.source), cell.source)
    return nb


def merge(base, mine, new):
    """The student's notebook brought to the new edition, or None where both changed one cell.

    ``base`` is the edition that the student was given. Cells are known by their ids.
    """
    given, own, fresh = ({cell.id: cell for cell in nb.cells} for nb in (base, mine, new))
    # a cell that is already the new one is no change (an earlier start was cut off)
    same = {i for i in own.keys() & fresh.keys() if own[i].source == fresh[i].source}
    changed = {i for i in own.keys() & given.keys() if own[i].source != given[i].source} - same
    if any(i not in fresh or fresh[i].source != given[i].source for i in changed):
        return None
    if any(i in fresh and i not in given for i in own.keys() - same):
        return None  # a cell of the student's that has a new cell's id
    kept = []
    for i, cell in fresh.items():
        if i in changed or i in same:
            kept.append(own[i])  # with its outputs
        elif i in own or i not in given:  # what the student deleted stays away
            kept.append(cell)
    return _with_own_cells(kept, mine, new, given)


def _with_own_cells(kept: list, mine, new, given: dict):
    """The cells ``kept``, with each cell that the student added after the one it followed."""
    before = None
    for cell in mine.cells:
        if cell.id not in given and cell.id not in {other.id for other in kept}:
            places = [place for place, other in enumerate(kept, 1) if other.id == before]
            kept.insert(places[0] if places else (len(kept) if before else 0), cell)
        before = cell.id
    result = copy.deepcopy(new)
    result.cells = kept
    return result


def bring(path: Path, folder: Path) -> str:
    """Make or renew the student's copy of the notebook ``path``; returns what to tell, or ""."""
    mine = folder / path.name
    try:
        new = student_copy(path)
    except OSError:
        raise
    except Exception:  # no notebook any more: a merge may have left its marks in it
        return f"{path} is damaged: get it again with git. {FOLDER} stays as it is."
    given = folder / ".editions" / path.name
    if not mine.exists():
        _write(given, new)
        _write(mine, new)
        return ""
    if given.is_file() and _same(base := nbformat.read(given, as_version=4), new):
        return ""
    before = mine.read_bytes()
    try:
        own = nbformat.reads(before.decode("utf-8"), as_version=4)
        merged = merge(base, own, new) if given.is_file() else None
    except Exception:  # the student's file is no notebook any more: it stays as it is
        merged = None
    if merged is None:
        beside = _free(folder / f"{path.stem}.new-edition.ipynb")
        _write(beside, new)
        _write(given, new)
        return f"{FOLDER}/{path.name} stays as you wrote it; its new edition is {beside.name}."
    kept = _free(folder / ".editions" / f"{path.stem}.before.ipynb")
    kept.write_bytes(before)
    if mine.read_bytes() != before:  # saved this moment: the next start brings the edition
        return ""
    _write(mine, merged)
    _write(given, new)
    return f"{FOLDER}/{path.name} has the new edition; your cells stay."


def _same(one, other) -> bool:
    """Whether two editions have the same cells."""
    return [(c.id, c.source) for c in one.cells] == [(c.id, c.source) for c in other.cells]


def _free(path: Path) -> Path:
    """``path``, or the same name with the first number that is not taken."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _write(path: Path, content) -> None:
    """Write a notebook, or a text's bytes, in one step: after a stop the old file is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            nbformat.write(content, part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _bring_text(path: Path, folder: Path) -> None:
    """Copy a text next to the notebooks; one that the student changed stays."""
    mine, given = folder / path.name, folder / ".editions" / path.name
    # what the course gave: last time, or now (an earlier start was cut off)
    known = [place.read_bytes() for place in (given, path) if place.is_file()]
    if mine.exists() and mine.read_bytes() not in known:
        return
    for place in (mine, given):
        if not place.is_file() or place.read_bytes() != path.read_bytes():
            _write(place, path.read_bytes())


def prepare(root: Path | None = None) -> Path:
    """Make ``my-course`` in ``root`` or bring new editions into it; returns the folder."""
    root = root or home()
    folder = root / FOLDER
    for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
        if news := bring(path, folder):
            print(news, file=sys.stderr)
    for name in TEXTS:
        if (ROOT / "notebooks" / name).is_file():
            _bring_text(ROOT / "notebooks" / name, folder)
    if root != ROOT:  # the notebooks show ../images
        shutil.copytree(ROOT / "images", root / "images", dirs_exist_ok=True)
    return folder
