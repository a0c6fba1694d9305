"""HNSW and IVF-PQ over FAISS, used as ``search.Index`` is: the same hits, threshold and errors.

    HnswIndex     a graph: a search walks from neighbour to nearer neighbour; vectors kept whole
    IvfPqIndex    cells, and a byte for every two numbers of a vector: an eighth of the memory

Both are approximate: a search may miss a neighbour, and near the end of a long result it may find
fewer than ``top_k``. ``index.effort`` sets how far it looks. Sources: Malkov & Yashunin 2020
(HNSW), Jégou, Douze & Schmid 2011 (IVF-PQ), and FAISS, Johnson, Douze & Jégou 2021.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

import numpy as np

from course_utils.engines.ties import NOISE, search_with_ties
from course_utils.internal import index_file
from course_utils.search import Hit, Index, best_hits


class Bank(NamedTuple):
    """The texts, FAISS's index of their vectors, and where the texts of a vector are.

    row ``(n,)``: the vector of each text. order ``(n,)``: the texts' ids, sorted by vector;
    those of vector r are ``order[start[r] : start[r + 1]]``. All None where text i has vector i.
    """

    texts: list[str]
    structure: object
    row: np.ndarray | None = None
    order: np.ndarray | None = None
    start: np.ndarray | None = None

    def of_row(self, row: np.ndarray) -> Bank:
        """The same bank, in which text i has vector ``row[i]``."""
        order = np.argsort(row, kind="stable").astype(np.int32)
        start = np.searchsorted(row[order], np.arange(self.structure.ntotal + 1))
        return self._replace(row=row, order=order, start=start)

    def ids(self, rows: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The texts of some vectors, and the vectors' scores, repeated for each text."""
        if self.row is None:
            return rows, scores
        groups = [self.order[self.start[row] : self.start[row + 1]] for row in rows]
        return np.concatenate([self.order[:0], *groups]), scores.repeat([len(g) for g in groups])


class FaissIndex(Index):
    """What HNSW and IVF-PQ share; ``structure`` is the index of FAISS itself."""

    structure = property(lambda self: self._bank.structure)

    def _fill(self, texts: list[str], embeddings: np.ndarray) -> None:
        self._bank = self._grown(Bank([], self._made(embeddings)), texts, embeddings)

    def _extend(self, texts: list[str], embeddings: np.ndarray) -> None:
        # a copy grows and then takes the place of the old one in a single assignment: FAISS can
        # be interrupted in the middle, and must not search what is growing
        copy = self._bank._replace(structure=_faiss().clone_index(self.structure))
        self._bank = self._grown(copy, texts, embeddings)

    def _grown(self, bank: Bank, texts: list[str], embeddings: np.ndarray) -> Bank:
        bank.structure.add(np.ascontiguousarray(embeddings))
        return bank._replace(texts=bank.texts + texts)

    def _nearest(self, queries: np.ndarray, top_k: int) -> list[list[Hit]]:
        bank = self._bank

        def look(some: np.ndarray, wanted: int):
            scores, rows = self._found(bank.structure, np.ascontiguousarray(some), wanted)
            kept = rows >= 0  # a search that reached fewer fills up with -1
            return [bank.ids(rows[i, kept[i]], scores[i, kept[i]]) for i in range(len(some))]

        found = search_with_ties(look, queries, top_k, bank.structure.ntotal)
        return [best_hits(ids, scores, bank.texts, top_k) for ids, scores in found]

    def _parts(self) -> dict[str, bytes]:
        bank = self._bank
        arrays = {} if bank.row is None else {"row": bank.row}
        parts = index_file.pack(bank.texts, **arrays)
        return {**parts, "index.faiss": _faiss().serialize_index(bank.structure).tobytes()}

    def _restore(self, parts: dict[str, bytes]) -> None:
        texts = index_file.unpack_texts(parts)
        # FAISS compares the sizes and links that it reads with each other
        data = np.frombuffer(parts["index.faiss"], np.uint8)
        structure = _faiss().deserialize_index(data)
        # the right kind, for as many numbers a vector and compared by the same rule
        kind = getattr(_faiss(), self._kind)
        product = _faiss().METRIC_INNER_PRODUCT
        found = type(structure), structure.d, structure.metric_type
        if found != (kind, self.encoder.dim, product):
            raise ValueError("index.faiss holds another kind of index")
        self._bank = self._joined(Bank(texts, structure), parts)


class HnswIndex(FaissIndex):
    """A graph in which each vector is linked to near ones, and a few links go far.

    ``effort`` is the number of candidates a search keeps in hand (FAISS's ``efSearch``). Vectors
    that differ by rounding only, by at most 2e-6, share a node; else cosines are exact. Memory is
    that of exact search and some 9 bytes a vector for each of its ``links``.

    links: a vector has up to twice as many on the ground floor of the graph and as many on each
    floor above (the paper's M). build_effort: candidates in hand when they are chosen (its
    efConstruction). Both are read once, when the graph is built: set them in a subclass.
    """

    effort = 64
    links = 32
    build_effort = 100
    _kind = "IndexHNSWFlat"

    def _made(self, embeddings: np.ndarray):
        shape = embeddings.shape[1], self.links
        structure = _faiss().IndexHNSWFlat(*shape, _faiss().METRIC_INNER_PRODUCT)
        structure.hnsw.efConstruction = self.build_effort
        return structure

    def _grown(self, bank: Bank, texts: list[str], embeddings: np.ndarray) -> Bank:
        # each different vector becomes one node: a hundred equal nodes would spend all their
        # links on each other, and no search would find the way out or in. Vectors of one text
        # from two batches differ by rounding only: they are equal, too
        nodes: dict[int, list[int]] = {}  # cell -> the nodes in it
        for node, cell in enumerate(_cells(_vectors(bank.structure))):
            nodes.setdefault(cell, []).append(node)
        old, first, row = bank.structure.ntotal, [], []
        for text, cell in enumerate(_cells([embeddings])):
            there = nodes.setdefault(cell, [])
            stored = [
                embeddings[first[n - old]] if n >= old else bank.structure.reconstruct(n)
                for n in there
            ]
            same = [n for n, v in zip(there, stored, strict=True) if _equal(v, embeddings[text])]
            if not same:
                # the first text of a new node gives its vector
                same = [old + len(first)]
                first.append(text)
                there.append(same[0])
            row.append(same[0])
        bank = super()._grown(bank, texts, embeddings[first])
        before = np.empty(0, np.int32) if bank.row is None else bank.row
        return bank.of_row(np.concatenate([before, np.array(row, np.int32)]))

    def _found(self, structure, queries: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        look = _faiss().SearchParametersHNSW(efSearch=max(self.effort, wanted))
        return structure.search(queries, wanted, params=look)

    def _joined(self, bank: Bank, parts: dict[str, bytes]) -> Bank:
        row = index_file.unpack_array(parts, "row", (len(bank.texts),), "<i4")
        # every text has a vector, every vector a text
        if not np.array_equal(np.unique(row), np.arange(bank.structure.ntotal)):
            raise ValueError("texts and vectors do not fit together")
        for vectors in _vectors(bank.structure):
            index_file.check_unit(vectors)
        return bank.of_row(row)


class IvfPqIndex(FaissIndex):
    """√n cells, each vector as one byte for every two of its numbers (product quantization).

    ``effort`` is the number of cells a search opens (FAISS's ``nprobe``). Cosines are those of
    the shortened vectors, so a threshold chosen with exact search is a little off. Cells and
    bytes are learned from the texts that the index is built with; what is added uses them.
    """

    effort = 16
    _kind = "IndexIVFPQ"

    @staticmethod
    def _made(embeddings: np.ndarray):
        n, dim = embeddings.shape
        cells = max(1, round(n**0.5))
        numbers = 2 if dim % 2 == 0 else 1  # the numbers that share a byte
        coarse = _faiss().IndexFlatIP(dim)
        shape = dim, cells, dim // numbers, 8  # 8 bits
        structure = _faiss().IndexIVFPQ(coarse, *shape, _faiss().METRIC_INNER_PRODUCT)
        structure.cp.min_points_per_centroid = structure.pq.cp.min_points_per_centroid = 1
        structure.train(np.resize(embeddings, (max(n, 256), dim)))  # a byte has 256 values
        return structure

    def _found(self, structure, queries: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        def look(some: np.ndarray, cells: int):
            params = _faiss().SearchParametersIVF(nprobe=cells)
            return structure.search(some, wanted, params=params)

        scores, rows = look(queries, self.effort)
        # the opened cells held fewer than wanted: open all
        short = (rows < 0).any(axis=1)
        if short.any():
            scores[short], rows[short] = look(queries[short], structure.nlist)
        return scores, rows

    def _joined(self, bank: Bank, parts: dict[str, bytes]) -> Bank:
        # the ids in all cells together are 0, 1, 2, …: one for each text
        lists, read = bank.structure.invlists, _faiss().rev_swig_ptr
        cells = [read(lists.get_ids(i), lists.list_size(i)) for i in range(lists.nlist)]
        ids = np.sort(np.concatenate(cells))
        if not np.array_equal(ids, np.arange(len(bank.texts))):
            raise ValueError("texts and vectors do not fit together")
        return bank


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two vectors differ by rounding only; their cosines then do by at most ``NOISE``."""
    return bool(np.linalg.norm(one - other) <= NOISE)


def _cells(blocks):
    """A whole number for each vector, the same for nearly all pairs that are ``_equal``.

    Space is divided into cells with sides 500 times as long as ``NOISE``: so few equal vectors lie
    across a border that they do no harm as nodes of their own.
    """
    mix = np.array([1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
    for block in blocks:
        directions = np.random.default_rng(0).standard_normal((block.shape[1], 4))
        # the cell along four directions: (n, dim) @ (dim, 4) -> (n, 4)
        sides = np.floor(block @ directions / (500 * NOISE)).astype(np.int64).view(np.uint64)
        # and one number of the four: (n,)
        yield from (sides * mix).sum(axis=1, dtype=np.uint64).tolist()


def _vectors(structure):
    """The vectors ``(m, dim)`` of a graph, 4,096 at a time."""
    for start in range(0, structure.ntotal, 4096):
        yield structure.reconstruct_n(start, min(4096, structure.ntotal - start))


def _faiss():
    """The module. On macOS torch and faiss each bring an OpenMP, of which one must give way."""
    if sys.platform == "darwin":
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    import faiss

    return faiss
