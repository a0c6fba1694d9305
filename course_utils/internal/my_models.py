"""Where the models that a student trains are kept; nothing there is ever overwritten."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DAY = 24 * 60 * 60  # seconds


def models_folder() -> Path:
    """The folder of your models (it may not exist yet): ``$COURSE_MODELS``, or ``my-models``."""
    chosen = os.environ.get("COURSE_MODELS")
    return Path(chosen).expanduser() if chosen else ROOT / "my-models"


def save_new(encoder, name: str) -> Path:
    """Save ``encoder`` as ``name-001``, or the next number after the highest there is.

    The model is written to a hidden folder first and then gets its name in one step, so a crash
    leaves no half model, and two notebooks that save at once get two numbers. Returns the folder.
    Raises ValueError for a name with other than letters, digits, ``-`` and ``_``.
    """
    number = max(_saved(name), default=0)
    if not hasattr(encoder, "save"):
        raise TypeError(f"{encoder.name} has no weights to train or save: load it by its name")
    parent = models_folder()
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".saving-") as temporary:
        made = encoder.save(Path(temporary) / name)
        while True:
            number += 1
            target = parent / f"{name}-{number:03d}"
            if os.path.lexists(target):
                continue
            try:
                return made.rename(target)
            except OSError:
                if not os.path.lexists(target):
                    raise  # another reason than a number that somebody just took


def _sweep(parent: Path) -> None:
    """Remove hidden folders of saves that were killed: nothing in them changed for a day."""
    for left in parent.glob(".saving-*"):
        with suppress(OSError):  # somebody else may remove it at the same time
            changed = max(path.stat().st_mtime for path in [left, *left.rglob("*")])
            if time.time() - changed > DAY:
                shutil.rmtree(left, ignore_errors=True)


def newest(name: str) -> Path | None:
    """The folder that ``save_new(…, name)`` wrote last; None when there is none yet.

    Raises the same errors as ``save_new`` for a name that cannot be one.
    """
    folders = {number: path for number, path in _saved(name).items() if path.is_dir()}
    return folders[max(folders)] if folders else None


def _saved(name: str) -> dict[int, Path]:
    """Everything called ``name-<number>`` in the folder of models, by number."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"{name!r} cannot be a model's name: use letters, digits, - and _")
    found = {}
    for path in models_folder().glob(f"{name}-*"):
        number = path.name.removeprefix(f"{name}-")
        if re.fullmatch(r"[0-9]{3,}", number):
            found[int(number)] = path
    return found
