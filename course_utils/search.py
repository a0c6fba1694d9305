"""An exact index of sentence vectors: encode the bank once, then compare one query with all.

``Index.build`` → ``add`` → ``search`` → ``save`` / ``Index.load``. The vectors are kept
normalised, so the cosine of a query with the whole bank is one matrix product; nothing is
approximated. Saving is atomic, and a loaded file is checked before it is believed. ``engines``
has indexes with the same interface for banks that one matrix product is too slow for.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.internal import index_file
from course_utils.similarity import normalize


class Hit(NamedTuple):
    """One search result: position in the bank, its text, and its cosine with the query."""

    id: int
    text: str
    score: float


class Index:
    """Texts and their normalised embeddings ``(n, dim)`` float32, made by one encoder."""

    def __init__(self, encoder, texts: Sequence[str], embeddings: np.ndarray):
        embeddings = normalize(np.asarray(embeddings, dtype=np.float32))
        if embeddings.shape != (len(texts), encoder.dim):
            raise ValueError(
                f"{len(texts)} texts need embeddings of shape ({len(texts)}, {encoder.dim}), the "
                f"dimension of {encoder.name!r}; got {embeddings.shape}"
            )
        self.encoder = encoder
        self._fill(list(texts), embeddings)

    @classmethod
    def build(cls, encoder, texts: Sequence[str], show_progress: bool = False, **options) -> Index:
        """Encode ``texts`` once and index them. Raises as ``encoder.encode``.

        options: for the constructor (only ``engines.QdrantIndex`` has any).
        """
        texts = list(texts)
        return cls(encoder, texts, encoder.encode(texts, show_progress=show_progress), **options)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, texts: Sequence[str]) -> None:
        """Encode more texts and append them; those already here are not encoded again."""
        added = Index.build(self.encoder, texts)
        self._extend(added.texts, added.embeddings)

    def search(self, query: str, top_k: int = 5, threshold: float | None = None) -> list[Hit]:
        """The ``top_k`` texts closest to ``query`` by cosine, best first; one model pass.

        Cosines are rounded to 6 decimals, which is what float32 vectors carry, so that equal
        texts are tied; ties go to the earlier text. With a ``threshold`` only hits of at least
        that cosine come back, which may be none: "no match" is an answer. Raises ValueError
        unless ``1 <= top_k <= len(index)`` and ``-1 <= threshold <= 1``.
        """
        return self.search_vectors(self.encoder.encode([query]), top_k, threshold)[0]

    def search_vectors(self, queries, top_k: int = 5, threshold: float | None = None):
        """``search`` for query vectors ``(q, dim)`` that exist already: a list of hits for each.

        Raises as ``search``, and ValueError for another dimension than the index has.
        """
        check_top_k(top_k, len(self))
        if threshold is not None and not -1 <= threshold <= 1:
            raise ValueError(f"threshold is a cosine, from -1 to 1; got {threshold}")
        queries = normalize(np.asarray(queries, dtype=np.float32))
        if queries.shape[1] != self.encoder.dim:
            raise ValueError(
                f"the query has {queries.shape[1]} dimensions, the index {self.encoder.dim}: "
                f"encode it with {self.encoder.name!r}"
            )
        found = self._nearest(queries, top_k)
        return [[h for h in hits if threshold is None or h.score >= threshold] for hits in found]

    # ---- What another engine does in its own way; embeddings and queries come normalised. --------

    def _fill(self, texts: list[str], embeddings: np.ndarray) -> None:
        self.texts, self.embeddings = texts, embeddings

    def _extend(self, texts: list[str], embeddings: np.ndarray) -> None:
        self.embeddings = np.concatenate([self.embeddings, embeddings])
        self.texts = self.texts + texts

    def _nearest(self, queries: np.ndarray, top_k: int) -> list[list[Hit]]:
        """A matrix product adds up in an order that depends on the row's place, so that equal rows
        may differ in the last digits: cosines are computed again where it can matter.
        """
        found = []
        for query, rows in zip(queries, near_rows(queries, self.embeddings, top_k), strict=True):
            scores = self.embeddings[rows].astype(np.float64) @ query.astype(np.float64)
            found.append(best_hits(rows, scores, self.texts, top_k))
        return found

    def _parts(self) -> dict[str, bytes]:
        vectors = io.BytesIO()
        np.save(vectors, self.embeddings, allow_pickle=False)
        return {"texts.json": json.dumps(self.texts).encode(), "vectors.npy": vectors.getvalue()}

    @classmethod
    def _restored(cls, encoder, parts: dict[str, bytes]) -> Index:
        index, vectors = cls.__new__(cls), io.BytesIO(parts["vectors.npy"])
        index.encoder, index.texts = encoder, json.loads(parts["texts.json"])
        index.embeddings = np.load(vectors, allow_pickle=False)  # normalised when it was saved
        return index

    # ---- One file, whatever the engine -----------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write the index to one file, atomically: a crash leaves the old file whole.

        The new content goes to a temporary file beside ``path``, is flushed to disk, and then
        takes the name in one step.
        """
        meta = {
            "engine": type(self).__name__, "encoder": self.encoder.name, "dim": self.encoder.dim
        }  # fmt: skip
        return index_file.write(path, meta, self._parts())

    @classmethod
    def load(cls, path: str | Path, encoder) -> Index:
        """Read an index that ``save`` wrote, for the encoder that made it.

        Raises FileNotFoundError, and ValueError for a foreign or damaged file or when
        another encoder made it (its vectors would mean nothing to this one).
        """
        meta, parts = index_file.read(path)
        engine, name, dim = meta.get("engine", "Index"), meta["encoder"], meta["dim"]
        if engine != cls.__name__:
            raise ValueError(f"{path} was saved by {engine}: load it with {engine}.load")
        if name != encoder.name or dim != encoder.dim:
            raise ValueError(
                f"{path} was made with {name!r} ({dim} dimensions), not "
                f"{encoder.name!r} ({encoder.dim}): load that encoder, or build the index anew"
            )
        return cls._restored(encoder, parts)


def near_rows(queries: np.ndarray, embeddings: np.ndarray, top_k: int) -> list[np.ndarray]:
    """For each of ``queries (q, dim)`` the rows of ``embeddings (n, dim)`` that may be its best.

    The ``top_k`` best are among them, up to the 1e-4 that a product in float32 may err. The
    ``top_k``-th best of *some* rows is never better than that of all: what is below it can be
    left out at once, and only the few rows that stay are ever sorted.
    """
    step = max(1, len(embeddings) // max(8192, 4 * top_k))
    sample = queries @ embeddings[::step].T
    last = sample.shape[1] - top_k
    border = np.partition(sample, last)[:, last, None] - np.float32(1e-4)
    block = max(1024, 2**21 // max(1, len(queries)))  # so many rows that 8 MB hold their cosines
    starts = [0] if step == 1 else range(0, len(embeddings), block)
    which, rows = [], []
    for start in starts:
        rough = sample if step == 1 else queries @ embeddings[start : start + block].T
        query, row = np.divmod(np.flatnonzero(rough >= border), rough.shape[1])
        which.append(query)
        rows.append(start + row)
    which, rows = np.concatenate(which), np.concatenate(rows)
    rows = rows[np.argsort(which, kind="stable")]
    ends = np.bincount(which, minlength=len(queries)).cumsum()
    return np.split(rows, ends)[:-1]  # the last is what is left: nothing


def best_hits(rows: np.ndarray, scores: np.ndarray, texts, top_k: int) -> list[Hit]:
    """The ``top_k`` best of ``rows`` with their cosines, rounded; ties by row."""
    scores = np.asarray(scores, dtype=np.float64).round(6).clip(-1, 1)
    best = np.lexsort((rows, -scores))[:top_k]
    return [Hit(int(rows[i]), texts[rows[i]], float(scores[i])) for i in best]


def check_top_k(top_k: int, n: int) -> None:
    """ValueError unless ``top_k`` is a whole number from 1 to ``n``."""
    if isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or not 1 <= top_k <= n:
        raise ValueError(
            f"top_k must be a whole number from 1 to {n}, the texts there are; got {top_k}"
        )
