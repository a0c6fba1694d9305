"""One file for an index: an uncompressed zip of parts, written in one step, checked when read."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import stat
import zipfile
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

KIND = "sentence-transformers-course index"
FORMAT = f"{KIND} 2"
FACTS = {"engine", "encoder", "dim", "fingerprint", "parts"}
META_LIMIT = 65_536  # bytes; what `write` makes has a few hundred


def write(path: str | Path, meta: dict, parts: dict[str, bytes]) -> Path:
    """Write ``parts`` and ``meta`` (a few facts) to one file; a crash leaves the old file whole.

    Renews an index that is there, with its permissions; of a link, the file that it names. Raises
    FileExistsError for a file that is no index.
    """
    # follow links, so that the file is replaced and the link stays
    target = Path(os.path.realpath(path))
    exists = target.exists()
    if exists and not _may_replace(target):
        raise FileExistsError(f"{path} exists and is not an index: choose another name")
    meta = {"format": FORMAT, **meta, "parts": {name: _facts(parts[name]) for name in parts}}
    # write to a new file in the same folder; nobody else may read it until its mode is known
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb", opener=_private if exists else None) as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, data in {"meta.json": json.dumps(meta), **parts}.items():
                    archive.writestr(name, data)
            file.flush()
            os.fsync(file.fileno())
        if exists:
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        # everything is on the disk: take the name in one step
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        error.add_note(f"{path} was not written; what was there before is unchanged.")
        raise
    return Path(path)


def owner(index) -> dict:
    """What a file says about the index in it: the engine, and the encoder that it belongs to."""
    encoder = index.encoder
    return {
        "engine": type(index).__name__, "encoder": encoder.name, "dim": encoder.dim,
        "fingerprint": index.fingerprint,
    }  # fmt: skip


@contextmanager
def opened(path: str | Path, index):
    """The parts of a file that ``write`` made, for a ``with`` block that reads them.

    ``index`` is of the engine and the encoder that the file must belong to: that is compared
    first, then every size and checksum. Raises FileNotFoundError, and ValueError for a foreign or
    damaged file, one of an earlier edition and one of another encoder; so does the block, when
    it does not find what it needs in the parts.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no index at {path}: build one and save it there first")
    with open(path, "rb") as file:
        with _damage_refused(path):
            archive, meta = _meta(file)
        _check_owner(path, meta, index)
        with _damage_refused(path):
            # the parts cannot be larger than the file: nothing is compressed
            if sum(size for size, _ in meta["parts"].values()) > os.fstat(file.fileno()).st_size:
                raise zipfile.BadZipFile("the parts are larger than the file")
            parts = {name: _part(archive, name, facts) for name, facts in meta["parts"].items()}
    with _damage_refused(path):
        yield parts


def _check_owner(path: Path, meta: dict | None, index) -> None:
    """ValueError unless the file is an index of this edition, this engine and this encoder."""
    if meta is None:
        raise ValueError(f"{path} is not an index of this course: build it again with Index.build")
    if meta["format"] != FORMAT:
        raise ValueError(f"{path} was built by an earlier edition of this course: build it again")
    wanted = owner(index)
    engine, name, dim = meta["engine"], meta["encoder"], meta["dim"]
    if engine != wanted["engine"]:
        raise ValueError(f"{path} was saved by {engine}: load it with {engine}.load")
    if dim != wanted["dim"]:
        raise ValueError(
            f"{path} was made with {name!r} ({dim} dimensions), not {wanted['encoder']!r} "
            f"({wanted['dim']}): load that encoder, or build the index again"
        )
    if meta["fingerprint"] != wanted["fingerprint"]:
        raise ValueError(
            f"{path} was made with another model (called {name!r}) than {wanted['encoder']!r}: "
            "weights, tokenizer or pooling differ; load that encoder, or build the index again"
        )


@contextmanager
def _damage_refused(path: str | Path):
    """Whatever goes wrong inside with a file's content becomes a ValueError that says so."""
    try:
        yield
    except Exception as error:  # a damaged archive fails in a dozen ways
        # not the content's fault, unless it sent zipfile to an impossible place (EINVAL)
        if isinstance(error, OSError | MemoryError) and getattr(error, "errno", 0) != errno.EINVAL:
            raise
        raise ValueError(
            f"{path} is damaged ({error}): restore a copy, or build it again with Index.build"
        ) from error


def pack(texts: list[str], **arrays: np.ndarray) -> dict[str, bytes]:
    """Texts and arrays as parts: ``texts.json``, and ``NAME.npy`` for each array."""
    parts = {"texts.json": json.dumps(texts).encode()}
    for name, array in arrays.items():
        data = io.BytesIO()
        np.save(data, np.ascontiguousarray(array), allow_pickle=False)
        parts[f"{name}.npy"] = data.getvalue()
    return parts


def unpack_texts(parts: dict[str, bytes]) -> list[str]:
    """The texts; ValueError unless they are a list of strings."""
    texts = json.loads(parts["texts.json"])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("texts.json is not a list of texts")
    return texts


def unpack_array(parts: dict[str, bytes], name: str, shape: tuple, dtype: str) -> np.ndarray:
    """An array of exactly this shape and type, or ValueError; it shares the part's memory."""
    data = parts[f"{name}.npy"]
    file = io.BytesIO(data)
    # what the header promises comes first: a wrong one could ask for any amount of memory
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{name}.npy has an unknown header")
    found = np.lib.format.read_array_header_1_0(file)
    if found != (shape, False, np.dtype(dtype)):
        raise ValueError(f"{name}.npy holds {found[2]} {found[0]}, not {dtype} {shape}")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape)


def check_unit(vectors: np.ndarray) -> None:
    """ValueError unless each row of ``vectors (n, dim)`` has length 1, or is all zeros."""
    squares = np.einsum("nd,nd->n", vectors, vectors)
    # NaN and infinity are neither
    if not ((np.abs(squares - 1) < 1e-3) | (squares == 0)).all():
        raise ValueError("the vectors are not normalised numbers")


def _facts(data: bytes) -> Sequence:
    return len(data), hashlib.sha256(data).hexdigest()


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _may_replace(path: Path) -> bool:
    """Whether the file at ``path`` is an index (of any edition) or empty."""
    with open(path, "rb") as file:
        try:
            return os.fstat(file.fileno()).st_size == 0 or _meta(file)[1] is not None
        except Exception:  # too damaged to be known
            return False


def _meta(file) -> tuple[zipfile.ZipFile | None, dict | None]:
    """The archive and its meta; None for a file of another kind. Nothing else is read."""
    if file.read(2) != b"PK":
        return None, None
    archive = zipfile.ZipFile(file)
    if "meta.json" not in archive.namelist():
        return None, None
    size = archive.getinfo("meta.json").file_size
    if size > META_LIMIT:
        return None, None
    meta = json.loads(_stored(archive, "meta.json", size))
    if not isinstance(meta, dict) or not str(meta.get("format")).startswith(KIND):
        return None, None
    if meta["format"] == FORMAT and not FACTS <= meta.keys():
        raise zipfile.BadZipFile("facts are missing in meta.json")
    return archive, meta


def _stored(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """The content of ``name``, which must be uncompressed and ``size`` bytes long."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or {info.file_size, info.compress_size} != {size}:
        raise zipfile.BadZipFile(f"size of {name}")
    return archive.read(name)


def _part(archive: zipfile.ZipFile, name: str, facts: Sequence) -> bytes:
    size, digest = facts
    data = _stored(archive, name, size)
    if hashlib.sha256(data).hexdigest() != digest:
        raise zipfile.BadZipFile(f"checksum of {name}")
    return data
