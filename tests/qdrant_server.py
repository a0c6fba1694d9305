"""A stand-in for a Qdrant server: its REST interface for what the course asks of one.

It hears what the real client sends over a real connection and lets Qdrant's own local
implementation answer. What it cannot show (clusters, speed) needs a real server: set QDRANT_URL.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from qdrant_client import QdrantClient, models


@contextmanager
def serving(key=None):
    """Serve on a free port of this machine while the block runs; yields the server.

    ``server.url`` is its address, ``server.requests`` what it was asked: (method, path, body).
    With ``key`` it refuses whoever does not send it.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.key, server.requests, server.qdrant = key, [], QdrantClient(":memory:")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
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
        if self.server.key and self.headers.get("api-key") != self.server.key:
            return self.reply(403, {"status": {"error": "forbidden"}})
        try:
            result = self.result((self.command, *path[2:]), path[1], body)
        except ValueError as error:  # as Qdrant's local implementation says "not found"
            return self.reply(404, {"status": {"error": str(error)}})
        self.reply(200, {"result": result, "status": "ok", "time": 0.0})

    def result(self, request, collection, body):
        qdrant = self.server.qdrant
        if request == ("PUT",):
            vectors = models.VectorParams(**body["vectors"])
            return qdrant.create_collection(collection, vectors_config=vectors)
        if request == ("PUT", "points"):
            points = [models.PointStruct(**point) for point in body["points"]]
            return qdrant.upsert(collection, points).model_dump()
        if request == ("POST", "points", "count"):
            return qdrant.count(collection).model_dump()
        if request == ("POST", "points", "query", "batch"):
            searches = [models.QueryRequest(**search) for search in body["searches"]]
            for search in searches:
                search.params = None  # a local Qdrant knows none and would say so
            return [r.model_dump() for r in qdrant.query_batch_points(collection, searches)]
        raise NotImplementedError(request)

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
