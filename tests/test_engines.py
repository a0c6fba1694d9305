"""Every engine of search keeps to one interface; the approximate ones find nearly everything.

``TestConformance`` runs over exact search, HNSW, IVF-PQ and Qdrant in memory and over a
connection, to a stand-in on this machine. Where QDRANT_URL is set it also runs on that server.
"""

import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
from qdrant_server import serving

from course_utils import encoders
from course_utils.engines import HnswIndex, IvfPqIndex, QdrantIndex
from course_utils.internal.texts import check_texts
from course_utils.search import Hit, Index

SERVER = os.environ.pop("QDRANT_URL", None)  # the other tests are not to use it
KINDS = {
    "exact": Index,
    "hnsw": HnswIndex,
    "ivfpq": IvfPqIndex,
    "qdrant": QdrantIndex,
    "qdrant stand-in": QdrantIndex,
    **({"qdrant server": QdrantIndex} if SERVER else {}),
}
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
BANK = ["aab", "abc", "xyz", "aab", "bcd", "zzz", "", "Grüße, 😀 “quotes”\n"]
BANK[6] = "0123"  # no letter: a vector of zeros


class Letters:
    """An encoder whose vectors can be computed by hand: how often each letter occurs."""

    name, dim, fingerprint = "letters", 26, "abc123"

    def encode(self, texts, batch_size=32, show_progress=False):
        texts = check_texts(texts)
        counts = [[text.lower().count(letter) for letter in ALPHABET] for text in texts]
        return np.array(counts, dtype=np.float32)


@pytest.fixture(scope="module")
def stand_in():
    with serving(key="secret") as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """A class of index, with the environment set so that it works where its name says."""
    if request.param == "qdrant stand-in":
        monkeypatch.setenv("QDRANT_URL", request.getfixturevalue("stand_in").url)
        monkeypatch.setenv("QDRANT_API_KEY", "secret")
    if request.param == "qdrant server":
        monkeypatch.setenv("QDRANT_URL", SERVER)
    return KINDS[request.param]


@pytest.fixture
def index(kind):
    made = kind.build(Letters(), BANK)
    yield made
    if SERVER and getattr(made, "url", None) == SERVER:
        made.client.delete_collection(made.collection)


def about(hits, by_hand):
    """Same ids in the same order, and cosines as near as IVF-PQ shortens eight vectors."""
    ids, scores = zip(*by_hand, strict=True)
    assert [hit.id for hit in hits] == list(ids)
    assert [hit.score for hit in hits] == pytest.approx(list(scores), abs=1e-4)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
class TestConformance:
    def test_hits_by_hand(self, index):
        hits = index.search("ab", top_k=3)
        assert all(type(hit) is Hit for hit in hits)
        assert all(type(hit.id) is int and type(hit.score) is float for hit in hits)
        about(hits, [(0, 3 / np.sqrt(10)), (3, 3 / np.sqrt(10)), (1, 2 / np.sqrt(6))])
        assert [hit.text for hit in hits] == ["aab", "aab", "abc"]  # the earlier of equals first

    def test_every_text_is_found_by_itself(self, index):
        for i, text in enumerate(BANK):
            hits = index.search(text, top_k=2)
            assert text in [hit.text for hit in hits] or i == 6
            assert all(BANK[hit.id] == hit.text for hit in hits)

    def test_top_k_of_all(self, index):
        hits = index.search("ab", top_k=len(BANK))
        assert sorted(hit.id for hit in hits) == list(range(len(BANK)))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True) and scores[-1] == 0

    def test_threshold_and_no_match(self, index):
        assert [hit.id for hit in index.search("ab", 8, threshold=0.9)] == [0, 3]
        assert index.search("ab", 8, threshold=0.96) == []
        assert [hit.id for hit in index.search("xyz", 8, threshold=0.9999)] == [2]
        assert len(index.search("ab", 8, threshold=-1)) == 8
        assert {hit.score for hit in index.search("jj", 8)} == {0.0}
        assert index.search("jj", 8, threshold=0.01) == []

    def test_no_encoder_of_the_query_is_needed(self, index):
        together = index.search_vectors(Letters().encode(["ab", "zx", "d"]), 4)
        for hits, text in zip(together, ("ab", "zx", "d"), strict=True):
            alone = index.search(text, 4)
            assert [h.score for h in hits] == pytest.approx([h.score for h in alone], abs=1e-6)
        assert index.search_vectors(np.empty((0, 26), np.float32), 4) == []

    def test_add(self, index):
        index.add(["cba", "zyx"])  # the vectors of texts 1 and 2, which IVF-PQ has learned
        assert len(index) == 10
        assert [hit[:2] for hit in index.search("abc", 2)] == [(1, "abc"), (8, "cba")]
        assert [hit[:2] for hit in index.search("xyz", 2)] == [(2, "xyz"), (9, "zyx")]
        assert [hit.id for hit in index.search("aab", 2)] == [0, 3]  # what was there has its id

    def test_round_trip(self, kind, index, tmp_path):
        index.add(["cba"])
        path = index.save(tmp_path / "bank.index")
        assert os.listdir(tmp_path) == ["bank.index"]
        again = kind.load(str(path), Letters())
        assert len(again) == 9
        for text in ("ab", "cba", "zzzy"):
            assert again.search(text, 9) == index.search(text, 9)
        again.add(["zyx"])
        assert [hit.id for hit in again.search("xyz", 2)] == [2, 9]
        path = again.save(path)
        assert [hit.id for hit in kind.load(path, Letters()).search("xyz", 2)] == [2, 9]

    def test_a_loaded_index_leaves_the_saved_one_alone(self, kind, index, tmp_path):
        if getattr(index, "url", None):
            pytest.skip("on a server both are the same collection")
        path = index.save(tmp_path / "bank.index")
        first = kind.load(path, Letters())
        first.add(["more"])
        assert len(kind.load(path, Letters())) == len(BANK) == len(index)  # loaded twice at once

    @pytest.mark.parametrize("top_k", [0, -1, 9, True, 2.0, "3", None])
    def test_top_k_refused(self, index, top_k):
        message = f"top_k must be a whole number from 1 to 8 (the number of texts); got {top_k}"
        with pytest.raises(ValueError, match=re.escape(message)):
            index.search("ab", top_k)

    @pytest.mark.parametrize("threshold", [1.01, -1.5, np.nan])
    def test_threshold_refused(self, index, threshold):
        with pytest.raises(ValueError, match="threshold is a cosine, from -1 to 1; got"):
            index.search("ab", 1, threshold)

    def test_bad_texts_are_refused(self, kind, index):
        for texts in (["ab", " "], []):
            with pytest.raises(ValueError, match="is empty"):
                kind.build(Letters(), texts)
            with pytest.raises(ValueError, match="is empty"):
                index.add(texts)
        with pytest.raises(ValueError, match="is empty"):
            index.search("", 1)
        assert len(index) == len(BANK)

    def test_bad_vectors_are_refused(self, kind, index):
        with pytest.raises(ValueError, match="NaN or infinity"):
            kind(Letters(), ["a", "b"], np.full((2, 26), np.nan))
        with pytest.raises(ValueError, match=r"shape \(2, 26\).*got \(3, 26\)"):
            kind(Letters(), ["a", "b"], np.ones((3, 26)))
        with pytest.raises(ValueError, match="NaN or infinity"):
            index.search_vectors(np.full((1, 26), np.nan), 1)
        with pytest.raises(ValueError, match="384 dimensions, the index 26: encode it with"):
            index.search_vectors(np.ones((1, 384)), 1)

    def test_wrong_files_are_refused(self, kind, index, tmp_path):
        path = index.save(tmp_path / "bank.index")
        with pytest.raises(FileNotFoundError, match="no index at .*: build one and save it"):
            kind.load(tmp_path / "gone", Letters())
        (tmp_path / "text").write_text("id,text\n")
        with pytest.raises(ValueError, match="is not an index of this course: build it again"):
            kind.load(tmp_path / "text", Letters())
        whole = path.read_bytes()
        middle = len(whole) // 2
        spoilt = whole[:middle] + bytes(255 - byte for byte in whole[middle:])
        for half in (whole[:middle], spoilt):
            (tmp_path / "half").write_bytes(half)
            with pytest.raises(ValueError, match="is (damaged|not an index).*build it again"):
                kind.load(tmp_path / "half", Letters())
        other = Letters()
        other.name, other.fingerprint = "minilm", "other weights"
        with pytest.raises(ValueError, match=r"another model \(called 'letters'\) than 'minilm'"):
            kind.load(path, other)
        for stranger in {Index, HnswIndex, IvfPqIndex, QdrantIndex} - {kind}:
            message = f"saved by {kind.__name__}: load it with {kind.__name__}.load"
            with pytest.raises(ValueError, match=message):
                stranger.load(path, Letters())


# ---- What each engine is for --------------------------------------------------------------------


@pytest.fixture(scope="module")
def words():
    """4,000 words with their GloVe vectors, 200 more as queries, and the true ten nearest."""
    glove = encoders.load("glove")
    texts = list(glove.index)[:4000]
    bank, queries = np.array(glove.vectors[:4000]), np.array(glove.vectors[4000:4200])
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, bank)]
    return glove, texts, bank, queries, unit[0].astype(np.float64) @ unit[1].T.astype(np.float64)


@pytest.fixture(scope="module")
def hnsw(words):
    return HnswIndex(*words[:3])


@pytest.fixture(scope="module")
def ivfpq(words):
    return IvfPqIndex(*words[:3])


@pytest.fixture(scope="module")
def qdrant(words):
    return QdrantIndex(*words[:3])


def recall(index, queries, cosines):
    best = np.argsort(-cosines, axis=1)[:, :10].tolist()
    found = index.search_vectors(queries, 10)
    pairs = zip(found, best, strict=True)
    return np.mean([len({hit.id for hit in hits} & set(true)) for hits, true in pairs]) / 10


@pytest.mark.parametrize(
    "engine, least, error", [("hnsw", 0.97, 2e-6), ("ivfpq", 0.85, 0.1), ("qdrant", 1, 2e-6)]
)
def test_recall_on_real_vectors(engine, least, error, words, request):
    index, (_, texts, _, queries, cosines) = request.getfixturevalue(engine), words
    assert recall(index, queries, cosines) >= least
    for row, hits in enumerate(index.search_vectors(queries, 10)):
        true = cosines[row, [hit.id for hit in hits]]
        assert [hit.score for hit in hits] == pytest.approx(true, abs=error)
        assert all(hit.text == texts[hit.id] for hit in hits)


@pytest.mark.parametrize("engine, little", [("hnsw", 1), ("ivfpq", 1)])
def test_more_effort_finds_more(engine, little, words, request, monkeypatch):
    index, (*_, queries, cosines) = request.getfixturevalue(engine), words
    default = recall(index, queries, cosines)
    monkeypatch.setattr(index, "effort", little)
    assert recall(index, queries, cosines) < default - 0.02
    monkeypatch.setattr(index, "effort", 400)
    assert recall(index, queries, cosines) >= default


def test_links_and_build_effort_make_the_graph(hnsw, words):
    class Quick(HnswIndex):
        links, build_effort = 4, 8

    quick, bytes_each = Quick(*words[:3]), []
    for index, links, effort in ((hnsw, 32, 100), (quick, 4, 8)):
        graph = index.structure.hnsw
        assert (graph.nb_neighbors(0), graph.nb_neighbors(1)) == (2 * links, links)
        assert graph.efConstruction == effort
        bytes_each.append(len(index._parts()["index.faiss"]) / 4000)
    assert bytes_each[0] - bytes_each[1] == pytest.approx(9 * 28, rel=0.15)  # 28 links fewer
    assert recall(quick, *words[3:]) < recall(hnsw, *words[3:]) - 0.02


def test_ivfpq_needs_an_eighth_of_the_memory(ivfpq):
    tables = 4 * 50 * (256 + round(4000**0.5))  # what a byte stands for, and the cells' centres
    size = len(ivfpq._parts()["index.faiss"]) - tables
    assert size < 4000 * (50 / 2 + 8) * 1.1  # 8: the id of a vector


def test_a_search_that_reached_fewer_returns_fewer(monkeypatch):
    index = HnswIndex.build(Letters(), BANK)  # as FAISS fills up what it did not find
    answer = np.array([[0.5, -3e38]], np.float32), np.array([[2, -1]])
    monkeypatch.setattr(index, "_found", lambda structure, queries, wanted: answer)
    assert index.search("xy", 2) == [Hit(2, "xyz", 0.5)]


def test_ivfpq_opens_all_cells_when_a_few_hold_too_little(ivfpq, words, monkeypatch):
    monkeypatch.setattr(ivfpq, "effort", 1)
    assert all(len(hits) == 2000 for hits in ivfpq.search_vectors(words[3][:3], 2000))


# ---- Qdrant -------------------------------------------------------------------------------------


def test_a_program_that_ends_says_nothing_and_leaves_nothing(tmp_path):
    code = """
        import numpy as np
        from course_utils.engines import HnswIndex, QdrantIndex
        class Stub: name, dim, fingerprint = "stub", 4, "f"
        for kind in (HnswIndex, QdrantIndex):
            index = kind(Stub(), ["a", "b"], np.eye(2, 4, dtype="f"))
            print(index.search_vectors(np.eye(1, 4), 1)[0][0].text)
    """
    env = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", code.replace("\n        ", "\n")]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    assert (done.stdout, done.stderr, done.returncode) == ("a\na\n", "", 0)
    assert os.listdir(tmp_path) == []


def test_options_and_effort_reach_the_server(stand_in, monkeypatch):
    monkeypatch.setenv("QDRANT_URL", stand_in.url)
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    with pytest.warns(UserWarning, match="insecure connection"):
        index = QdrantIndex.build(
            Letters(), BANK, url=stand_in.url, shard_number=6, replication_factor=2
        )
    index.effort = 99
    index.search("ab", 1)
    made = [body for method, path, body in stand_in.requests if (method, path) == ("PUT", [])][-1]
    assert (made["shard_number"], made["replication_factor"]) == (6, 2)
    assert stand_in.requests[-1][2]["searches"][0]["params"]["hnsw_ef"] == 99


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_saved_server_index_holds_no_key_and_no_vectors(stand_in, monkeypatch, tmp_path):
    monkeypatch.setenv("QDRANT_URL", stand_in.url)
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    index = QdrantIndex.build(Letters(), BANK, url=stand_in.url)
    saved = index.save(tmp_path / "bank.index").read_bytes()
    assert stand_in.url.encode() in saved and b"secret" not in saved and b"xyz" not in saved
    stand_in.qdrant.delete_collection(index.collection)
    with pytest.raises(ConnectionError, match=rf"404.*still has the collection {index.collection}"):
        QdrantIndex.load(tmp_path / "bank.index", Letters())


@pytest.mark.parametrize("key", [None, "wrong"])
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_refusing_server_is_said(key, stand_in, monkeypatch):
    if key:
        monkeypatch.setenv("QDRANT_API_KEY", key)
    with pytest.raises(ConnectionError, match=r"refused \(403 Forbidden\): check QDRANT_API_KEY"):
        QdrantIndex.build(Letters(), BANK, url=stand_in.url)


def test_no_server_is_said(monkeypatch):
    with socket.socket() as taken:  # bound, and nobody listens: certainly refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("QDRANT_URL", url)
        with pytest.raises(ConnectionError, match=f"no Qdrant server answers at {url}.*unset QDR"):
            QdrantIndex.build(Letters(), BANK)
