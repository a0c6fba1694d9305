"""A stand-in for a Qdrant server: its REST interface for what the course asks of one.

It hears what the real client sends over a real connection and lets Qdrant's own local
implementation answer. What it cannot show (clusters, speed) needs a real server: set QDRANT_URL.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import ValidationError
from qdrant_client import QdrantClient, models

MODELS = {
    ("PUT",): models.CreateCollection,
    ("DELETE",): None,
    ("PUT", "points"): models.PointsBatch,
    ("POST", "points", "delete"): models.PointIdsList,
    ("POST", "points"): models.PointRequest,
    ("POST", "points", "count"): models.CountRequest,
    ("POST", "points", "query", "batch"): models.QueryRequestBatch,
}


@contextmanager
def serving(key=None):
    """Serve on a free port of this machine while the block runs; yields the server.

    ``server.url`` is its address, ``server.requests`` what it was asked: (method, path, body);
    ``server.keys`` are the keys that came with it. With ``key`` it refuses whoever does not send
    it.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.key, server.requests, server.qdrant = key, [], QdrantClient(":memory:")
    server.keys, server.one_at_a_time = [], threading.Lock()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(body) if body else {}
        path = self.path.split("?")[0].strip("/").split("/")
        self.server.requests.append((self.command, path[2:], body))
        self.server.keys.append(self.headers.get("api-key"))
        if self.server.key and self.headers.get("api-key") != self.server.key:
            return self.reply(403, {"status": {"error": "forbidden"}})
        try:
            with self.server.one_at_a_time:  # a local Qdrant is not made for several threads
                result = self.result((self.command, *path[2:]), path[1], body)
        except ValidationError as error:
            return self.reply(422, {"status": {"error": str(error)}})
        except ValueError as error:  # as Qdrant's local implementation says "not found"
            return self.reply(404, {"status": {"error": str(error)}})
        self.reply(200, {"result": result, "status": "ok", "time": 0.0})

    def result(self, request, collection, body):
        qdrant = self.server.qdrant
        if request not in MODELS:
            raise NotImplementedError(request)
        # the client's own published model of the request: refuses unknown and wrong fields
        asked = MODELS[request](**body) if MODELS[request] else None
        if request == ("PUT",):
            return qdrant.create_collection(collection, vectors_config=asked.vectors)
        if request == ("DELETE",):
            return qdrant.delete_collection(collection)
        if request == ("PUT", "points"):
            assert "wait=true" in self.path, "an answer before the points are stored"
            return qdrant.upsert(collection, asked.batch).model_dump()
        if request == ("POST", "points", "delete"):
            assert "wait=true" in self.path, "an answer before the points are gone"
            return qdrant.delete(collection, asked.points).model_dump()
        if request == ("POST", "points"):
            return [r.model_dump() for r in qdrant.retrieve(collection, asked.ids)]
        if request == ("POST", "points", "count"):
            return qdrant.count(collection).model_dump()
        for search in asked.searches:
            search.params = None  # a local Qdrant knows none and would say so
        return [r.model_dump() for r in qdrant.query_batch_points(collection, asked.searches)]

    def reply(self, status, content):
        content = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass
