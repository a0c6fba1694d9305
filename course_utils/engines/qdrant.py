"""``QdrantIndex``, an index in a vector database; its peers over FAISS stand in ``engines``."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import uuid
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from course_utils.search import Hit, Index, best_hits

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
        self._connect(None if self.url else _new_folder())
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
            folder = _new_folder()
            for name, path in FOLDER.items():
                Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, path).write_bytes(parts[name])
        index._connect(folder)
        index._count = index._ask("count").count
        return index


def _close(client, folder: str) -> None:
    client.close()
    shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> str:
    """A temporary folder for Qdrant; folders that killed processes left behind are removed first.

    Qdrant holds a folder's ``.lock`` as long as its process lives, and the system lets go of it
    with the process. A file of the last minute is not tried: it may be about to be locked.
    """
    import portalocker  # Qdrant's own

    now = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    for lock in Path(tempfile.gettempdir()).glob("course-qdrant-????????/.lock"):
        try:
            if time.time() - lock.stat().st_mtime > 60:
                with open(lock, "r+") as file:
                    portalocker.lock(file, now)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except (OSError, portalocker.LockException):
            pass  # in use, or another person's, or gone by now
    return tempfile.mkdtemp(prefix="course-qdrant-")
