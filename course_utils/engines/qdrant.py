"""``QdrantIndex``, an index in a vector database: in this process, on a server or on a cluster."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np

from course_utils.engines.ties import search_with_ties
from course_utils.internal import index_file
from course_utils.internal.interrupts import no_interrupt
from course_utils.search import Hit, Index, best_hits

BATCH = 256  # points in one request


class Bank(NamedTuple):
    """What the index holds: its points have the ids 0 to ``count`` - 1.

    reach: an ``add`` that was cut off may have left points with ids from ``count`` to ``reach``
    - 1. They do not belong to the index. texts, embeddings: a copy, only without a server: from
    them Qdrant inside this process is saved, and filled again after an ``add`` that was cut off.
    """

    count: int
    reach: int
    texts: list[str] | None = None
    embeddings: np.ndarray | None = None


class QdrantIndex(Index):
    """Vectors and texts in Qdrant: inside this process, or on the server or cluster at ``url``.

    url: the server's address, by default the environment's QDRANT_URL. Its key is read from
    QDRANT_API_KEY, is sent to QDRANT_URL and to no other address, and is never stored. Without an
    address Qdrant runs in memory and compares with every vector: exact, for some 20,000 texts.
    collection: more of Qdrant's ``create_collection``, such as ``shard_number=6`` and
    ``replication_factor=2`` in a cluster. ``client`` is Qdrant's own, for everything else.

    On a server ``effort`` is its ``hnsw_ef`` (None: its own choice). One process at a time may
    add. ``save`` writes texts and vectors into one file, or of a server only the address and the
    collection's name, for the vectors are safe there. Raises ConnectionError when the server does
    not answer, refuses, or does not hold what it should.
    """

    effort = None

    def __init__(
        self, encoder, texts: Sequence[str], embeddings: np.ndarray, url: str | None = None,
        **collection,
    ):  # fmt: skip
        self.url = url or os.environ.get("QDRANT_URL") or None
        self._options = collection
        super().__init__(encoder, texts, embeddings)

    def __len__(self) -> int:
        return self._bank.count

    texts = property(lambda self: self._bank.texts)
    embeddings = property(lambda self: self._bank.embeddings)

    def _fill(self, texts: list[str], embeddings: np.ndarray) -> None:
        self.collection = f"course-{uuid.uuid4().hex}"
        if not self.url:
            # nothing is in Qdrant yet, as after a cut-off `add`
            self._bank = Bank(len(texts), -1, texts, embeddings)
            return self._repair()
        self._bank = Bank(0, 0)
        self._connect()
        try:
            self._create(embeddings.shape[1])
            self._extend(texts, embeddings)
        except BaseException:
            # half a collection is of no use to anybody
            with suppress(ConnectionError):
                self._ask("delete_collection")
            raise

    def _connect(self) -> None:
        from qdrant_client import QdrantClient

        if not self.url:
            self.client = QdrantClient(":memory:")
            return
        own = self.url.rstrip("/") == os.environ.get("QDRANT_URL", "").rstrip("/")
        key = os.environ.get("QDRANT_API_KEY") if own else None
        self.client = QdrantClient(url=self.url, api_key=key, timeout=60, check_compatibility=False)

    def _create(self, dim: int) -> None:
        from qdrant_client import models

        # not COSINE: the vectors come normalised, and Qdrant then keeps a vector of zeros as it is
        size = models.VectorParams(size=dim, distance=models.Distance.DOT)
        self._ask("create_collection", vectors_config=size, **self._options)

    def _ask(self, request: str, **arguments):
        """One request about the collection; a server's silence or refusal becomes plain words.

        It runs in a thread of its own, for which the stop button waits: an interrupt inside the
        client could leave a lock closed, and then every later request would wait for ever.
        """
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

        thread, answers = ThreadPoolExecutor(1), SimpleQueue()
        try:
            with no_interrupt():  # a thread that is stopped while it starts would be lost
                ask = getattr(self.client, request)
                asked = thread.submit(ask, self.collection, **arguments)
                asked.add_done_callback(answers.put)
            return answers.get().result()
        except UnexpectedResponse as error:
            raise ConnectionError(
                f"the Qdrant server at {self.url} refused ({error.status_code} "
                f"{error.reason_phrase}): check QDRANT_API_KEY, which is sent only to the address "
                f"in QDRANT_URL, and that it still has the collection {self.collection}"
            ) from error
        except (ApiException, QdrantException) as error:
            raise ConnectionError(
                f"no Qdrant server answers at {self.url} ({error}): start it, correct QDRANT_URL, "
                "or unset QDRANT_URL to work in memory"
            ) from error
        finally:
            with no_interrupt():  # a second stop waits, too: what is asked next must come later
                thread.shutdown()

    def _upload(self, start: int, texts: list[str], embeddings: np.ndarray) -> None:
        """Store points with the ids from ``start``, and compare Qdrant's count afterwards."""
        from qdrant_client import models

        total = start + len(texts)
        for first in range(0, len(texts), BATCH):
            batch = texts[first : first + BATCH]
            # "of": which `add` a point came with; from it `load` sees that one was cut off
            points = models.Batch(
                ids=list(range(start + first, start + first + len(batch))),
                vectors=embeddings[first : first + BATCH].tolist(),
                payloads=[{"text": text, "of": [start, total]} for text in batch],
            )
            self._ask("upsert", points=points, wait=True)
        self._check_count(total)

    def _check_count(self, wanted: int) -> None:
        found = self._ask("count", exact=True).count
        if found != wanted:
            raise ConnectionError(
                f"{self.collection} at {self.url} holds {found} texts instead of {wanted}: another "
                "process changed it; load the index again"
            )

    def _repair(self) -> None:
        """Remove what a cut-off `add` left: in memory by starting again, on a server by its ids."""
        from qdrant_client import models

        bank = self._bank
        if bank.reach == bank.count:
            return
        if self.url:
            ids = models.PointIdsList(points=list(range(bank.count, bank.reach)))
            self._ask("delete", points_selector=ids, wait=True)
        else:
            self._connect()
            self._create(bank.embeddings.shape[1])
            self._upload(0, bank.texts, bank.embeddings)
        self._bank = bank._replace(reach=bank.count)

    def _extend(self, texts: list[str], embeddings: np.ndarray) -> None:
        self._repair()
        old = self._bank
        total = old.count + len(texts)
        if self.url:
            self._check_count(old.count)
            done = Bank(total, total)
        else:
            both = np.concatenate([old.embeddings, embeddings])
            done = Bank(total, total, old.texts + texts, both)
        # until the last assignment the new points do not belong to the index
        self._bank = old._replace(reach=total)
        try:
            self._upload(old.count, texts, embeddings)
            self._bank = done
        except BaseException:
            with suppress(ConnectionError):  # the next `add` tries again
                self._repair()
            raise

    def _nearest(self, queries: np.ndarray, top_k: int) -> list[list[Hit]]:
        texts = {}  # of the points that were found, by id

        def look(some: np.ndarray, wanted: int):
            return [self._scored(*pair, texts) for pair in self._asked(some, wanted)]

        # Qdrant inside this process is not made for several threads, and none sees half an `add`
        with self._lock:
            if not self.url:
                self._repair()
            found = search_with_ties(look, queries, top_k, len(self))
        return [best_hits(ids, scores, texts, top_k) for ids, scores in found]

    def _asked(self, queries: np.ndarray, wanted: int):
        """Pairs of a query and Qdrant's answer to it."""
        from qdrant_client import models

        look = models.SearchParams(hnsw_ef=self.effort) if self.effort else None
        # points of a cut-off `add` may take the first places
        limit = wanted + self._bank.reach - self._bank.count
        requests = [
            models.QueryRequest(
                query=query.tolist(), limit=limit, with_payload=True, with_vector=True, params=look
            )
            for query in queries
        ]
        return zip(queries, self._ask("query_batch_points", requests=requests), strict=True)

    def _scored(self, query: np.ndarray, answer, texts: dict) -> tuple[np.ndarray, np.ndarray]:
        """Ids and cosines of the points that belong to the index; their texts go to ``texts``."""
        bank = self._bank
        points = [p for p in answer.points if not bank.count <= p.id < bank.reach]
        texts.update((point.id, point.payload["text"]) for point in points)
        # equal vectors can get slightly different float32 products, so compute them in float64
        vectors = np.array([point.vector for point in points], np.float32).reshape(-1, len(query))
        scores = vectors.astype(np.float64) @ query.astype(np.float64)
        return np.array([point.id for point in points], np.int64), scores

    def _parts(self) -> dict[str, bytes]:
        bank = self._bank
        if self.url:
            return {"server.json": json.dumps([self.url, self.collection]).encode()}
        return index_file.pack(bank.texts, vectors=bank.embeddings)

    def _restore(self, parts: dict[str, bytes]) -> None:
        self.url, self._options = None, {}
        if "server.json" not in parts:
            return super()._restore(parts)
        self.url, self.collection = json.loads(parts["server.json"])
        if not re.fullmatch(r"https?://\S+", self.url) or not re.fullmatch(
            r"course-[0-9a-f]{32}", self.collection
        ):
            raise ValueError("server.json names no address and collection of this course")
        self._connect()
        count = self._ask("count", exact=True).count
        last = self._ask("retrieve", ids=[max(0, count - 1)], with_payload=True)
        if not last:
            raise ConnectionError(f"{self.collection} at {self.url} lost some of its texts")
        start, total = last[0].payload["of"]
        # the last `add` is whole, or it was cut off and does not count
        self._bank = Bank(count, count) if total == count else Bank(start, total)
