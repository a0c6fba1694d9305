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
import sys

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
    """A graph in which each vector is linked to near ones, and a few links go far.

    ``effort`` is the number of candidates a search keeps in hand (FAISS's ``efSearch``). Cosines
    are exact; memory is that of exact search and some 9 bytes a vector for each of its ``links``.

    links: a vector has up to twice as many on the ground floor of the graph and as many on each
    floor above (the paper's M). build_effort: candidates in hand when they are chosen (its
    efConstruction). Both are read once, when the graph is built: set them in a subclass.
    """

    effort = 64
    links = 32
    build_effort = 100

    def _made(self, embeddings: np.ndarray):
        shape = embeddings.shape[1], self.links
        structure = _faiss().IndexHNSWFlat(*shape, _faiss().METRIC_INNER_PRODUCT)
        structure.hnsw.efConstruction = self.build_effort
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


def _faiss():
    """The module. On macOS torch and faiss each bring an OpenMP, of which one must give way."""
    if sys.platform == "darwin":
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    import faiss

    return faiss
