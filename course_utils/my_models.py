"""Where the models that you train yourself are kept, and the newest of them found again.

``save_new(encoder, "course-sbert")`` writes course-sbert-001, then -002, …: nothing is ever
overwritten. ``newest("course-sbert")`` is the last one's folder, for ``encoders.load``. They lie
in ``my-models`` beside the notebooks, which git ignores, or where COURSE_MODELS says.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def models_folder() -> Path:
    """The folder of your models (it may not exist yet): ``$COURSE_MODELS``, or ``my-models``."""
    chosen = os.environ.get("COURSE_MODELS")
    return Path(chosen).expanduser() if chosen else ROOT / "my-models"


def save_new(encoder, name: str) -> Path:
    """Save ``encoder`` as ``name-001``, or the next number after the highest there is.

    The model is written beside its place first and then takes its name in one step, so a crash
    leaves no half model, and two notebooks that save at once get two numbers. Returns the folder.
    Raises ValueError for a name with other than letters, digits, ``-`` and ``_``.
    """
    parent, number = models_folder(), max(_saved(name), default=0)
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".saving-") as temporary:
        made = encoder.save(Path(temporary) / name)
        while True:
            number += 1
            try:
                return made.rename(parent / f"{name}-{number:03d}")
            except OSError:
                if not (parent / f"{name}-{number:03d}").exists():
                    raise  # another reason than a number that somebody just took


def newest(name: str) -> Path | None:
    """The folder that ``save_new(…, name)`` wrote last; None when there is none yet.

    Raises as ``save_new`` for a name that cannot be one.
    """
    saved = _saved(name)
    return saved[max(saved)] if saved else None


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
