"""A hub that is busy or breaks off: the right model or a clear error, soon."""

import json
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from huggingface_hub import constants
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from tiny_bert import SENTENCES, save_tiny_bert

from course_utils import datasets, encoders, masked
from course_utils.pretraining import data

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Serves ``server.folder`` as org/model; ``server.broken`` is (part of a path, status)."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        folder, path = self.server.folder, self.path.split("?")[0]
        files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        part, status = self.server.broken
        self.server.asked += 1
        if part and part in path:
            if status is not None:  # else the connection is closed without an answer
                self.answer(status)
        elif path.startswith("/api/models/org/model/tree"):
            sizes = {name: (folder / name).stat().st_size for name in files}
            tree = [{"type": "file", "path": n, "size": s, "oid": "0"} for n, s in sizes.items()]
            self.answer(200, json.dumps(tree).encode())
        elif path.startswith("/api/models/org/model"):
            self.answer(200, json.dumps({"id": "org/model", "sha": COMMIT}).encode())
        elif (name := "/".join(path.split("/")[5:])) in files:
            self.answer(200, (folder / name).read_bytes())
        else:
            self.answer(404)

    do_HEAD = do_GET

    def answer(self, status, body=b""):
        self.send_response(status)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hash(body)}"', "Content-Length": len(body)}
        if status == 404:
            headers["X-Error-Code"] = "EntryNotFound"
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that differs in everything from what is assumed without settings."""
    place = tmp_path_factory.mktemp("models")
    transformer = modules.Transformer(
        str(save_tiny_bert(place / "tiny", plain=True)), max_seq_length=9
    )
    parts = [transformer, modules.Pooling(16, "cls"), modules.Normalize()]
    SentenceTransformer(modules=parts, device="cpu").save(str(place / "model"))
    return place / "model"


@pytest.fixture(scope="module")
def expected(folder):
    return encoders.load(folder).encode(SENTENCES)


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder, server.broken, server.asked = folder, ("", 0), 0
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    url = constants.ENDPOINT + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client's pauses between its tries
    yield server
    server.shutdown()
    server.server_close()


def check(encoder, expected):
    assert (encoder.pooling, encoder.normalize, encoder.max_length) == ("cls", True, 9)
    assert np.array_equal(encoder.encode(SENTENCES), expected)


def test_a_model_is_fetched_whole_and_then_works_offline(server, expected, monkeypatch):
    check(encoders.load("org/model"), expected)
    server.broken = "", 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    check(encoders.load("org/model"), expected)


@pytest.mark.parametrize("status", [429, 503, None])
@pytest.mark.parametrize(
    "part", ["modules.json", "1_Pooling/config.json", "model.safetensors", "/api/"]
)
def test_a_busy_hub_is_an_error_and_the_next_try_is_right(server, expected, part, status):
    server.broken = part, status
    with pytest.raises(FileNotFoundError, match="cannot get 'org/model' from the hub"):
        encoders.load("org/model")
    server.broken = "", 0
    check(encoders.load("org/model"), expected)
    # and when it is busy again, there is the copy, after one question
    server.broken, server.asked = ("/", status), 0
    check(encoders.load("org/model"), expected)
    assert server.asked == 1


def test_a_cache_without_the_settings_is_not_enough(server, tmp_path):
    """As transformers alone fills it: without the hub's list of files, and under another id."""
    encoders.load("org/model")
    other = (tmp_path / "models--org--model").rename(tmp_path / "models--org--other")
    shutil.rmtree(other / "trees")
    (next(other.glob("snapshots/*")) / "modules.json").unlink()
    server.broken = "/", 503
    with pytest.raises(FileNotFoundError, match="cannot get 'org/other' from the hub"):
        encoders.load("org/other")


def test_a_masked_model_that_is_not_there_is_said_at_once(server):
    server.broken = "/", None
    with pytest.raises(FileNotFoundError, match="no masked language model at org/other"):
        masked.load_masked_lm("org/other")


def test_the_tests_themselves_ask_no_hub():
    assert constants.HF_HUB_OFFLINE


@pytest.mark.parametrize("status", [503, None])
@pytest.mark.parametrize(
    "read", [lambda: datasets.load_nli(source="org/set"), lambda: [*data.read_lines(["org/set"])]]
)
def test_a_data_set_that_is_not_there_is_said_at_once(server, monkeypatch, read, status):
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits and tries again"))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    server.broken = "/", status
    with pytest.raises(FileNotFoundError, match="'org/set' is n"):
        read()
    assert server.asked == 1 and not constants.HF_HUB_OFFLINE
