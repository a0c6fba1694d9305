"""Indexes for banks that exact search is too slow for: FAISS on one machine, Qdrant on many.

All of them are used as ``search.Index`` is, and hold to the same rules: ``build`` → ``add`` →
``search`` → ``save`` / ``load``, the same hits, ids, threshold and errors.

    HnswIndex     a graph: a search walks from neighbour to nearer neighbour; vectors kept whole
    IvfPqIndex    cells, and a byte for every two numbers of a vector: an eighth of the memory
    QdrantIndex   a vector database: in a local folder, or a server or cluster at an address

The first two are approximate: a search may miss a neighbour, and near the end of a long result it
may find fewer than ``top_k``. ``index.effort`` sets how far it looks. Sources: Malkov & Yashunin
2020 (HNSW), Jégou, Douze & Schmid 2011 (IVF-PQ), and FAISS, Johnson, Douze & Jégou 2021.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import uuid
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from course_utils.search import Hit, Index, best_hits


class FaissIndex(Index):
    """What HNSW and IVF-PQ share; ``structure`` is the index of FAISS itself."""

    def _fill(self, texts: list[str], embeddings: np.ndarray) -> None:
        self.texts, self.structure = [], self._made(embeddings)
        self._extend(texts, embeddings)

    def _extend(self, texts: list[str], embeddings: np.ndarray) -> None:
        self.structure.add(np.ascontiguousarray(embeddings))
        self.texts = self.texts + texts

    def _nearest(self, queries: np.ndarray, top_k: int) -> list[list[Hit]]:
        scores, rows = self._found(np.ascontiguousarray(queries), top_k)
        kept = rows >= 0  # a search that reached fewer fills up with -1
        return [
            best_hits(rows[i, kept[i]], scores[i, kept[i]], self.texts, top_k)
            for i in range(len(queries))
        ]

    def _parts(self) -> dict[str, bytes]:
        structure = _faiss().serialize_index(self.structure).tobytes()
        return {"texts.json": json.dumps(self.texts).encode(), "index.faiss": structure}

    @classmethod
    def _restored(cls, encoder, parts: dict[str, bytes]) -> FaissIndex:
        index = cls.__new__(cls)
        index.encoder, index.texts = encoder, json.loads(parts["texts.json"])
        index.structure = _faiss().deserialize_index(np.frombuffer(parts["index.faiss"], np.uint8))
        return index


class HnswIndex(FaissIndex):
    """A graph in which each vector knows up to 32 near ones, and a few links that go far.

    ``effort`` is the number of candidates a search keeps in hand (FAISS's ``efSearch``). Cosines
    are exact; memory is that of exact search and about 280 bytes a vector for the links.
    """

    effort = 64

    @staticmethod
    def _made(embeddings: np.ndarray):
        structure = _faiss().IndexHNSWFlat(embeddings.shape[1], 32, _faiss().METRIC_INNER_PRODUCT)
        structure.hnsw.efConstruction = 100
        return structure

    def _found(self, queries: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
        look = _faiss().SearchParametersHNSW(efSearch=max(self.effort, top_k))
        return self.structure.search(queries, top_k, params=look)


class IvfPqIndex(FaissIndex):
    """√n cells, each vector as one byte for every two of its numbers (product quantization).

    ``effort`` is the number of cells a search opens (FAISS's ``nprobe``). Cosines are those of
    the shortened vectors, so a threshold chosen with exact search is a little off. Cells and
    bytes are learned from the texts that the index is built with; what is added uses them.
    """

    effort = 16

    @staticmethod
    def _made(embeddings: np.ndarray):
        n, dim = embeddings.shape
        cells, numbers = max(1, round(n**0.5)), 2 if dim % 2 == 0 else 1
        coarse = _faiss().IndexFlatIP(dim)
        shape = dim, cells, dim // numbers, 8  # 8 bits
        structure = _faiss().IndexIVFPQ(coarse, *shape, _faiss().METRIC_INNER_PRODUCT)
        structure.cp.min_points_per_centroid = structure.pq.cp.min_points_per_centroid = 1
        structure.train(np.resize(embeddings, (max(n, 256), dim)))  # a byte has 256 values
        return structure

    def _found(self, queries: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
        def look(wanted, cells):
            params = _faiss().SearchParametersIVF(nprobe=cells)
            return self.structure.search(wanted, top_k, params=params)

        scores, rows = look(queries, self.effort)
        short = (rows < 0).any(axis=1)  # the opened cells held fewer than top_k: open all
        if short.any():
            scores[short], rows[short] = look(queries[short], self.structure.nlist)
        return scores, rows


# The files of Qdrant's folder with the one collection "course", by their names in a saved index.
FOLDER = {"meta.json of qdrant": "meta.json", "points": "collection/course/storage.sqlite"}


class QdrantIndex(Index):
    """Vectors and texts in Qdrant: in a folder of its own, or on the server or cluster at ``url``.

    url: the server's address, by default the environment's QDRANT_URL; its key, if it asks for
    one, is read from QDRANT_API_KEY and never stored. Without an address Qdrant runs inside this
    process, in a temporary folder, and compares with every vector: exact, for some 20,000 texts.
    collection: more of Qdrant's ``create_collection``, such as ``shard_number=6`` and
    ``replication_factor=2`` in a cluster. ``client`` is Qdrant's own, for everything else.

    On a server ``effort`` is its ``hnsw_ef`` (None: its own choice); ids are given by this object,
    so let one at a time add. ``save`` writes the folder into one file, or of a server only the
    address and the collection's name, for the vectors are safe there. A saved folder is Qdrant's
    own format and holds pickles: load only what you trust. Raises ConnectionError when the server
    does not answer or refuses.
    """

    effort = None

    def __init__(
        self, encoder, texts: Sequence[str], embeddings: np.ndarray, url: str | None = None,
        **collection,
    ):  # fmt: skip
        self.url, self._options = url or os.environ.get("QDRANT_URL") or None, collection
        super().__init__(encoder, texts, embeddings)

    def __len__(self) -> int:
        return self._count

    def _fill(self, texts: list[str], embeddings: np.ndarray) -> None:
        from qdrant_client import models

        self.collection = f"course-{uuid.uuid4().hex}" if self.url else "course"
        self._connect(tempfile.mkdtemp(prefix="course-qdrant-") if not self.url else None)
        # Not COSINE: the vectors come normalised, and Qdrant has no say about a vector of zeros.
        size = models.VectorParams(size=embeddings.shape[1], distance=models.Distance.DOT)
        self._ask("create_collection", vectors_config=size, **self._options)
        self._count = 0
        self._extend(texts, embeddings)

    def _connect(self, folder: str | None) -> None:
        from qdrant_client import QdrantClient

        self.folder = folder
        if folder is None:
            key = os.environ.get("QDRANT_API_KEY")
            self.client = QdrantClient(
                url=self.url, api_key=key, timeout=60, check_compatibility=False
            )
        else:
            self.client = QdrantClient(path=folder)
            weakref.finalize(self, _close, self.client, folder)

    def _ask(self, request: str, **arguments):
        """One request about the collection; a server's silence or refusal becomes plain words."""
        from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

        try:
            return getattr(self.client, request)(self.collection, **arguments)
        except UnexpectedResponse as error:
            raise ConnectionError(
                f"the Qdrant server at {self.url} refused ({error.status_code} "
                f"{error.reason_phrase}): check QDRANT_API_KEY, and that it still has the "
                f"collection {self.collection}"
            ) from error
        except ApiException as error:
            raise ConnectionError(
                f"no Qdrant server answers at {self.url} ({error}): start it, mend QDRANT_URL, or "
                "unset QDRANT_URL to work in a local folder"
            ) from error

    def _extend(self, texts: list[str], embeddings: np.ndarray) -> None:
        if self.folder:  # a sync to disk after every point would take minutes; this is a scratch
            storage = self.client._client.collections[self.collection].storage.storage
            storage.execute("PRAGMA synchronous = OFF")
            storage.execute("PRAGMA journal_mode = MEMORY")
        self._ask(
            "upload_collection",
            vectors=embeddings,
            payload=[{"text": text} for text in texts],
            ids=range(len(self), len(self) + len(texts)),
            batch_size=256,
            wait=True,
        )
        self._count += len(texts)

    def _nearest(self, queries: np.ndarray, top_k: int) -> list[list[Hit]]:
        from qdrant_client import models

        look = models.SearchParams(hnsw_ef=self.effort) if self.effort else None
        requests = [
            models.QueryRequest(query=query.tolist(), limit=top_k, with_payload=True, params=look)
            for query in queries
        ]
        found = []
        for answer in self._ask("query_batch_points", requests=requests):
            texts = {point.id: point.payload["text"] for point in answer.points}
            scores = np.array([point.score for point in answer.points])
            found.append(best_hits(np.array(list(texts)), scores, texts, top_k))
        return found

    def _parts(self) -> dict[str, bytes]:
        if self.url:
            return {"server.json": json.dumps([self.url, self.collection]).encode()}
        return {name: Path(self.folder, path).read_bytes() for name, path in FOLDER.items()}

    @classmethod
    def _restored(cls, encoder, parts: dict[str, bytes]) -> QdrantIndex:
        index, folder = cls.__new__(cls), None
        index.encoder, index.url, index.collection = encoder, None, "course"
        if "server.json" in parts:
            index.url, index.collection = json.loads(parts["server.json"])
        else:
            folder = tempfile.mkdtemp(prefix="course-qdrant-")
            for name, path in FOLDER.items():
                Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, path).write_bytes(parts[name])
        index._connect(folder)
        index._count = index._ask("count").count
        return index


def _faiss():
    """The module. On macOS torch and faiss each bring an OpenMP, of which one must give way."""
    if sys.platform == "darwin":
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    import faiss

    return faiss


def _close(client, folder: str) -> None:
    client.close()
    shutil.rmtree(folder, ignore_errors=True)
