"""One file for an index: a zip of parts, each with its SHA-256, written in one step."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from pathlib import Path

FORMAT = "sentence-transformers-course index 1"


def write(path: str | Path, meta: dict, parts: dict[str, bytes]) -> Path:
    """Write ``parts`` and ``meta`` (a few facts) to one file; a crash leaves the old file whole.

    The new content goes to a temporary file next to ``path``, is flushed to disk, and then takes
    the name in one step.
    """
    path = Path(path)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
    meta = {"format": FORMAT, **meta, "sha256": digests}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, data in {"meta.json": json.dumps(meta), **parts}.items():
                    archive.writestr(name, data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, path.stat().st_mode if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def read(path: str | Path) -> tuple[dict, dict[str, bytes]]:
    """``(meta, parts)`` of a file that ``write`` made, after every checksum was compared.

    Raises FileNotFoundError, and ValueError for a foreign or damaged file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no index at {path}: build one and save it there first")
    try:
        found = _unzip(path)
    except Exception as error:  # a damaged archive fails in a dozen ways
        raise ValueError(
            f"{path} is damaged ({error}): restore a copy, or build it again with Index.build"
        ) from error
    if found is None:
        raise ValueError(f"{path} is not an index of this course: build it again with Index.build")
    return found


def _unzip(path: Path) -> tuple[dict, dict[str, bytes]] | None:
    """Meta and parts; None for a file of another kind. Raises what zipfile and json raise."""
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return None
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "meta.json" not in names:
            return None
        parts = {name: archive.read(name) for name in names}
    meta = json.loads(parts.pop("meta.json"))
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        return None
    for name in meta["sha256"] | parts:
        if hashlib.sha256(parts[name]).hexdigest() != meta["sha256"][name]:
            raise zipfile.BadZipFile(f"checksum of {name}")
    return meta, parts
