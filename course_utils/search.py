"""An exact index of sentence vectors: encode the bank once, then compare one query with all.

``Index.build`` → ``add`` → ``search`` → ``save`` / ``Index.load``. The vectors are kept
normalised, so the cosine of a query with the whole bank is one matrix product. An index belongs to
the model that made its vectors. ``engines`` has the same interface for banks that are too large.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.internal import index_file
from course_utils.internal.checks import check_strings, check_top_k
from course_utils.internal.texts import check_texts
from course_utils.internal.weights import sample_of_weights
from course_utils.similarity import normalize


class Hit(NamedTuple):
    """One search result: position in the bank, its text, and its cosine with the query."""

    id: int
    text: str
    score: float


class Index:
    """Texts and their normalised embeddings ``(n, dim)`` float32, made by one encoder.

    Several threads may use it at once. An ``add`` is done, or after an error not done at all.
    """

    def __init__(self, encoder, texts: Sequence[str], embeddings: np.ndarray):
        texts, embeddings = _checked(encoder, texts, embeddings)
        self._bind(encoder)
        self._fill(texts, embeddings)

    @classmethod
    def build(cls, encoder, texts: Sequence[str], show_progress: bool = False, **options) -> Index:
        """Encode ``texts`` once and index them. Raises the same errors as ``encoder.encode``.

        options: for the constructor (only ``engines.QdrantIndex`` has any).
        """
        texts = check_texts(texts)
        return cls(encoder, texts, encoder.encode(texts, show_progress=show_progress), **options)

    texts = property(lambda self: self._bank[0])
    embeddings = property(lambda self: self._bank[1])

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, texts: Sequence[str]) -> None:
        """Encode more texts and append them; ValueError when the encoder was trained since."""
        texts = check_texts(texts)
        texts, embeddings = _checked(self.encoder, texts, self.encoder.encode(texts))
        if self.encoder.fingerprint != self.fingerprint:
            raise ValueError(f"{self.encoder.name!r} has changed: build the index again")
        # one thread at a time may add
        with self._lock:
            self._extend(texts, embeddings)

    def search(self, query: str, top_k: int = 5, threshold: float | None = None) -> list[Hit]:
        """The ``top_k`` texts closest to ``query`` by cosine, best first; one model pass.

        Cosines are rounded to 6 decimals, which is what float32 carries; ties go to the earlier
        text. With a ``threshold`` only hits of at least that cosine are returned, maybe none.
        Raises ValueError unless ``1 <= top_k <= len(index)`` and ``-1 <= threshold <= 1``, and when
        the encoder was trained since.
        """
        return self.search_vectors(self.encoder.encode([query]), top_k, threshold)[0]

    def search_vectors(self, queries, top_k: int = 5, threshold: float | None = None):
        """``search`` for query vectors ``(q, dim)`` that exist already: a list of hits for each.

        Raises the same errors as ``search``, and ValueError for vectors of another dimension.
        """
        check_top_k(top_k, len(self), "the number of texts")
        if threshold is not None and not -1 <= threshold <= 1:
            raise ValueError(f"threshold is a cosine, from -1 to 1; got {threshold}")
        queries = normalize(np.asarray(queries, dtype=np.float32))
        if queries.shape[1] != self.encoder.dim:
            raise ValueError(
                f"the query has {queries.shape[1]} dimensions, the index {self.encoder.dim}: "
                f"encode it with {self.encoder.name!r}"
            )
        # a sample of the weights: all of them would take longer than the search
        if sample_of_weights(self.encoder) != self._weights:
            raise ValueError(f"{self.encoder.name!r} has changed: build the index again")
        found = self._nearest(queries, top_k)
        return [[h for h in hits if threshold is None or h.score >= threshold] for hits in found]

    # ---- What another engine does in its own way; embeddings and queries come normalised. --------

    def _bind(self, encoder) -> None:
        self.encoder, self.fingerprint = encoder, encoder.fingerprint
        self._weights = sample_of_weights(encoder)
        self._lock = threading.RLock()

    def _fill(self, texts: list[str], embeddings: np.ndarray) -> None:
        self._bank = texts, embeddings

    def _extend(self, texts: list[str], embeddings: np.ndarray) -> None:
        # one assignment: a search in another thread, or an interrupt, meets the old bank or the new
        self._bank = self.texts + texts, np.concatenate([self.embeddings, embeddings])

    def _nearest(self, queries: np.ndarray, top_k: int) -> list[list[Hit]]:
        texts, embeddings = self._bank
        found = []
        for query, rows in zip(queries, near_rows(queries, embeddings, top_k), strict=True):
            # equal rows can get slightly different float32 products, so the candidates' cosines
            # are computed again in float64: (candidates, dim) @ (dim,) -> (candidates,)
            scores = embeddings[rows].astype(np.float64) @ query.astype(np.float64)
            found.append(best_hits(rows, scores, texts, top_k))
        return found

    def _parts(self) -> dict[str, bytes]:
        texts, embeddings = self._bank
        return index_file.pack(texts, vectors=embeddings)

    def _restore(self, parts: dict[str, bytes]) -> None:
        texts = index_file.unpack_texts(parts)
        shape = len(texts), self.encoder.dim
        embeddings = index_file.unpack_array(parts, "vectors", shape, "<f4")
        index_file.check_unit(embeddings)
        self._fill(texts, embeddings)

    # ---- One file, whatever the engine -----------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write the index to one file, in one step: a crash leaves the old file whole.

        Replaces an index, and raises FileExistsError for any other file.
        """
        return index_file.write(path, index_file.owner(self), self._parts())

    @classmethod
    def load(cls, path: str | Path, encoder) -> Index:
        """Read an index that ``save`` wrote, for the encoder that made it.

        Raises FileNotFoundError, and ValueError for a foreign or damaged file or another encoder.
        """
        index = cls.__new__(cls)
        index._bind(encoder)
        with index_file.opened(path, index) as parts:
            index._restore(parts)
        return index


def near_rows(queries: np.ndarray, embeddings: np.ndarray, top_k: int) -> list[np.ndarray]:
    """For each of ``queries (q, dim)`` the rows of ``embeddings (n, dim)`` that may be its best.

    The ``top_k``-th best of *some* rows is never better than that of all rows, so every row below
    it can be left out at once, and only the few rows that stay are ever sorted.
    """
    # take some rows, evenly spread: 8,192 or more, at least 4 times top_k
    step = max(1, len(embeddings) // max(8192, 4 * top_k))
    # their cosines: (q, dim) @ (dim, some) -> (q, some)
    sample = queries @ embeddings[::step].T
    # the top_k-th best of them is the border: (q, 1); a float32 product may be wrong by 1e-4
    last = sample.shape[1] - top_k
    border = np.partition(sample, last)[:, last, None] - np.float32(1e-4)
    # a small bank: the sample is the whole bank
    if step == 1:
        return [np.flatnonzero(row) for row in sample >= border]
    # a large bank: in blocks of so many rows that 8 MB hold their cosines
    block = max(1024, 2**21 // max(1, len(queries)))
    which, rows = [], []
    for start in range(0, len(embeddings), block):
        cosines = queries @ embeddings[start : start + block].T
        # a position in the flat table is query * width + row
        query, row = np.divmod(np.flatnonzero(cosines >= border), cosines.shape[1])
        which.append(query)
        rows.append(start + row)
    # sort by query and cut where the query changes; "stable" keeps the rows of a query in order
    which = np.concatenate(which)
    order = np.argsort(which, kind="stable")
    ends = np.bincount(which, minlength=len(queries)).cumsum()
    return np.split(np.concatenate(rows)[order], ends)[:-1]  # the last piece is empty


def best_hits(rows: np.ndarray, scores: np.ndarray, texts, top_k: int) -> list[Hit]:
    """The ``top_k`` best of ``rows`` with their cosines, rounded; ties by row."""
    scores = np.asarray(scores, dtype=np.float64).round(6).clip(-1, 1)
    # by score, the largest first, and among equal scores by row
    best = np.lexsort((rows, -scores))[:top_k]
    return [Hit(int(rows[i]), texts[rows[i]], float(scores[i])) for i in best]


def _checked(encoder, texts: Sequence[str], embeddings) -> tuple[list[str], np.ndarray]:
    """The texts as a list and their vectors, normalised; ValueError unless they fit together."""
    texts = check_strings(texts)
    embeddings = normalize(np.asarray(embeddings, dtype=np.float32))
    if embeddings.shape != (len(texts), encoder.dim):
        raise ValueError(
            f"{len(texts)} texts need embeddings of shape ({len(texts)}, {encoder.dim}), the "
            f"dimension of {encoder.name!r}; got {embeddings.shape}"
        )
    return texts, embeddings
