"""Every engine of search keeps to one interface; the approximate ones find nearly everything.

``TestConformance`` runs over exact search, HNSW, IVF-PQ and Qdrant in memory and over a
connection, to a stand-in on this machine. Where QDRANT_URL is set it also runs on that server or
cluster, with QDRANT_SHARDS parts (2) that are each kept QDRANT_REPLICAS times (1).
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from qdrant_client import models
from qdrant_server import serving

from course_utils import encoders
from course_utils.engines import HnswIndex, IvfPqIndex, QdrantIndex
from course_utils.internal import index_file
from course_utils.internal.texts import check_texts
from course_utils.search import Hit, Index

SERVER = os.environ.pop("QDRANT_URL", None)  # the other tests are not to use it
PARTS = {
    "shard_number": int(os.environ.get("QDRANT_SHARDS", 2)),
    "replication_factor": int(os.environ.get("QDRANT_REPLICAS", 1)),
}
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
    on_server = kind is QdrantIndex and SERVER and os.environ.get("QDRANT_URL") == SERVER
    made = kind.build(Letters(), BANK, **(PARTS if on_server else {}))
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


# ---- Ties, the stop button, several threads --------------------------------------------------


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_ties_go_to_the_earlier_text(kind):
    """Of 200 equal vectors in the middle of others, and for a query that no text resembles."""
    rng = np.random.default_rng(0)
    encoder = Letters()
    encoder.dim = 50
    vectors = rng.normal(size=(260, 50)).astype(np.float32)
    vectors[30:230] = vectors[30]
    index = kind(encoder, [f"text {i}" for i in range(260)], vectors)
    for query in (vectors[30], vectors[30] + 0.01):
        hits = index.search_vectors(query[None], 5)[0]
        assert [hit.id for hit in hits] == [30, 31, 32, 33, 34]
        hits = index.search_vectors(query[None], 200)[0]
        assert [hit.id for hit in hits] == list(range(30, 230))
    hits = index.search_vectors(np.zeros((1, 50)), 3)[0]
    assert [hit.id for hit in hits] == [0, 1, 2] and {hit.score for hit in hits} == {0}


def words_of(rng, n):
    """``n`` texts of six letters: nearly all of them have vectors of their own."""
    return ["".join(rng.choice(list(ALPHABET), 6)) for _ in range(n)]


def check_whole(index, texts):
    """The index holds exactly these texts, each under its own id and with its own vector."""
    assert len(index) == len(texts)
    query = Letters().encode(["etaoin shrdlu"])
    hits = index.search_vectors(query, len(texts))[0]
    assert sorted(hit.id for hit in hits) == list(range(len(texts)))
    assert all(hit.text == texts[hit.id] for hit in hits)
    unit = Letters().encode(texts)
    cosines = unit @ query[0] / np.linalg.norm(unit, axis=1).clip(1e-9) / np.linalg.norm(query)
    far = max(abs(hit.score - cosines[hit.id]) for hit in hits)
    assert far < (0.5 if isinstance(index, IvfPqIndex) else 2e-6)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_200_interrupts_of_add(kind, press_stop_after):
    """The stop button at any moment: all of the texts are in the index, or none of them."""
    rng = np.random.default_rng(0)
    start, batch = words_of(rng, 60), words_of(rng, 40)
    index, texts, counts = kind.build(Letters(), start), start, {"done": 0, "not done": 0}
    latest = 0.01  # seconds; adapts, so that about half of them come in time
    for _ in range(200):
        moment = rng.uniform(1e-6, latest)
        with pytest.raises(KeyboardInterrupt):
            press_stop_after(moment)
            index.add(batch)
            while True:  # the interrupt is on its way
                time.sleep(0.01)
        press_stop_after(0)
        done = len(index) > len(texts)
        counts["done" if done else "not done"] += 1
        latest *= 0.9 if done else 1.1
        texts = texts + batch if done else texts
        check_whole(index, texts)
        if len(texts) > 200:
            index, texts = kind.build(Letters(), start), start
    index.add(batch)
    check_whole(index, texts + batch)
    assert min(counts.values()) >= 10, counts


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
@pytest.mark.parametrize("kind", ["qdrant stand-in"], indirect=True)
@pytest.mark.parametrize("action", ["build", "search", "count", "load"])
def test_a_stop_while_the_client_holds_its_lock_closes_nothing(
    kind, action, press_stop_after, monkeypatch, tmp_path
):
    """Between taking the lock and the ``with`` that would give it back."""
    lock_class = pytest.importorskip("httpcore._synchronization").ThreadLock
    texts, enter, presses = words_of(np.random.default_rng(0), 60), lock_class.__enter__, []
    index = kind.build(Letters(), texts[:40])
    path = index.save(tmp_path / "index")

    def enter_and_press(lock):
        enter(lock)
        if presses:
            signal.raise_signal(presses.pop())
        return lock

    monkeypatch.setattr(lock_class, "__enter__", enter_and_press)
    calls = {
        "build": lambda: kind.build(Letters(), texts),
        "search": lambda: index.search("abc"),
        "count": lambda: index.add(texts[40:]),
        "load": lambda: kind.load(path, Letters()),
    }
    presses.append(signal.SIGINT)
    press_stop_after(120)
    with pytest.raises(KeyboardInterrupt):
        calls[action]()
    assert not presses
    try:
        check_whole(index, texts[:40])
        index.add(texts[40:])
        check_whole(index, texts)
    except KeyboardInterrupt:
        pytest.fail("a later request waited for the lock until it was stopped")


def test_a_stop_while_the_upload_starts_leaves_no_thread_at_work(monkeypatch):
    texts = words_of(np.random.default_rng(0), 60)
    index, presses = QdrantIndex.build(Letters(), texts[:40]), [signal.SIGINT]
    start, upsert, before = threading.Thread.start, index.client.upsert, threading.enumerate()

    def start_and_press(thread):
        start(thread)
        if presses:
            signal.raise_signal(presses.pop())

    def slow(*args, **kwargs):
        time.sleep(0.2)
        return upsert(*args, **kwargs)

    monkeypatch.setattr(index.client, "upsert", slow)
    monkeypatch.setattr(threading.Thread, "start", start_and_press)
    with pytest.raises(KeyboardInterrupt):
        index.add(texts[40:])
    assert set(threading.enumerate()) <= set(before)
    check_whole(index, texts[:40])


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
@pytest.mark.parametrize("kind", ["qdrant", "qdrant stand-in"], indirect=True)
def test_who_presses_stop_twice_has_no_half_of_an_add(kind, monkeypatch):
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("Windows cannot send it to one thread")
    texts = words_of(np.random.default_rng(0), 60)
    index, before = kind.build(Letters(), texts[:40]), threading.enumerate()
    upsert = index.client.upsert

    def slow(*args, **kwargs):
        for _ in range(2):
            time.sleep(0.1)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)
        return upsert(*args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(index.client, "upsert", slow)
        index.add(texts[40:])
    assert not [t for t in set(threading.enumerate()) - set(before) if "Pool" in t.name]
    check_whole(index, texts[:40])
    index.add(texts[40:])
    check_whole(index, texts)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_threads_may_add_search_and_save_at_once(kind, tmp_path, monkeypatch):
    concatenate = np.concatenate

    def slow(*arrays):  # so that two adds meet in the middle
        time.sleep(0.002)
        return concatenate(*arrays)

    monkeypatch.setattr(np, "concatenate", slow)
    rng = np.random.default_rng(0)
    start = words_of(rng, 40)
    batches = [words_of(rng, 15) for _ in range(30)]
    index, adding = kind.build(Letters(), start), threading.Event()
    adding.set()

    def add(some):
        for batch in some:
            index.add(batch)

    def look(number):
        looks = 0
        while adding.is_set() or not looks:
            top_k = len(index)
            hits = index.search_vectors(Letters().encode(["etaoin"]), top_k)[0]
            assert len({hit.id for hit in hits}) == top_k
            saved = kind.load(index.save(tmp_path / f"bank {number}"), Letters())
            assert len(saved) >= top_k and (len(saved) - len(start)) % 15 == 0
            looks += 1

    with ThreadPoolExecutor(5) as threads:
        adds = [threads.submit(add, batches[i::3]) for i in range(3)]
        looks = [threads.submit(look, number) for number in range(2)]
        try:
            for added in adds:
                added.result()
        finally:
            adding.clear()
        for looked in looks:
            looked.result()
    found = index.search("etaoin", len(index))
    texts = [hit.text for hit in sorted(found, key=lambda hit: hit.id)]
    check_whole(index, texts)
    assert texts[:40] == start
    parts = [texts[i : i + 15] for i in range(40, len(texts), 15)]
    assert sorted(parts) == sorted(batches)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_an_add_that_fails_half_way_is_not_done(kind, monkeypatch, stand_in):
    """Memory ends, or the server refuses, after the first of several requests."""
    rng = np.random.default_rng(0)
    start, many = words_of(rng, 20), words_of(rng, 600)
    index = kind.build(Letters(), start)

    def fails(*_, **__):
        raise ValueError("no more room")

    if kind is QdrantIndex and index.url == SERVER and SERVER:
        pytest.skip("a real server cannot be told to fail")
    if kind is QdrantIndex:
        qdrant = stand_in.qdrant if index.url else index.client
        upsert, calls = qdrant.upsert, []

        def once(*args, **more):
            calls.append(args)
            return upsert(*args, **more) if len(calls) == 1 else fails()

        monkeypatch.setattr(qdrant, "upsert", once)
    elif kind is Index:
        monkeypatch.setattr(np, "concatenate", fails)
    else:
        monkeypatch.setattr(type(index.structure), "add", fails)
    with pytest.raises((ValueError, ConnectionError)):
        index.add(many)
    monkeypatch.undo()
    check_whole(index, start)
    index.add(many)
    check_whole(index, start + many)


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


def test_hnsw_finds_every_text_among_many_equal_ones(tmp_path):
    """A graph of equal vectors links them only to each other: the others could not be reached."""
    rng = np.random.default_rng(0)
    encoder = Letters()
    encoder.dim = 50
    others = rng.normal(size=(60, 50)).astype(np.float32)
    vectors = np.concatenate([np.repeat(others[:1], 200, axis=0), others])
    index = HnswIndex(encoder, [f"text {i}" for i in range(260)], vectors)
    assert index.structure.ntotal == 60
    with index._lock:
        index._extend(["again"] * 200, index._bank.structure.reconstruct_n(0, 1).repeat(200, 0))
    for made in (index, HnswIndex.load(index.save(tmp_path / "bank"), encoder)):
        hits = [hits[0] for hits in made.search_vectors(others, 1)]
        assert [hit.id for hit in hits] == [0, *range(201, 260)]
        assert {hit.score for hit in hits} == {1.0} and made.structure.ntotal == 60
        ids = [hit.id for hit in made.search_vectors(others[:1], 401)[0]]
        assert ids == [*range(201), *range(260, 460)]


@pytest.mark.parametrize("noise", [1e-8, 1e-7])
def test_hnsw_finds_every_text_among_many_that_differ_by_rounding(noise):
    """As the vectors of one text do when it is encoded in different batches."""
    rng = np.random.default_rng(0)
    encoder = Letters()
    encoder.dim = 50
    others = rng.normal(size=(60, 50))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    copies = others[0] + noise * rng.normal(size=(2000, 50))
    vectors = np.concatenate([copies, others]).astype(np.float32)
    index = HnswIndex(encoder, [f"text {i}" for i in range(1000)], vectors[:1000])
    with index._lock:
        index._extend([f"text {i}" for i in range(1000, 2060)], vectors[1000:])
    assert index.structure.ntotal < 60 + 2**4
    hits = [hits[0] for hits in index.search_vectors(others[1:], 1)]
    assert [hit.id for hit in hits] == list(range(2001, 2060))
    exact = Index(encoder, [f"text {i}" for i in range(2060)], vectors)
    for ours, true in zip(*(i.search_vectors(others[:9], 10) for i in (index, exact)), strict=True):
        assert [h.score for h in ours] == pytest.approx([h.score for h in true], abs=4e-6)


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


@pytest.mark.skipif(not SERVER, reason="needs a real server: set QDRANT_URL")
def test_a_real_server_makes_the_shards_and_replicas():
    index = QdrantIndex.build(Letters(), BANK, url=SERVER, **PARTS)
    try:
        made = index.client.get_collection(index.collection).config.params
        assert {name: getattr(made, name) for name in PARTS} == PARTS
    finally:
        index.client.delete_collection(index.collection)


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


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_key_goes_to_no_other_address(stand_in, monkeypatch, tmp_path):
    """Not to the one in a file from somebody else, nor to one that a call names."""
    with serving() as stranger:
        path = QdrantIndex.build(Letters(), BANK, url=stranger.url).save(tmp_path / "bank")
        stranger.keys.clear()
        monkeypatch.setenv("QDRANT_API_KEY", "secret")
        monkeypatch.setenv("QDRANT_URL", stand_in.url)
        assert QdrantIndex.load(path, Letters()).search("xyz", 1)[0].id == 2
        QdrantIndex.build(Letters(), BANK, url=stranger.url)
        assert set(stranger.keys) == {None} and len(stranger.keys) > 5
        QdrantIndex.build(Letters(), BANK)
        assert stand_in.keys[-1] == "secret"


@pytest.mark.parametrize(
    "server", [["http://127.0.0.1:9", "x/points/delete"], ["file:///etc", f"course-{'0' * 32}"], []]
)
def test_a_crafted_server_file_is_refused(server, tmp_path):
    index = QdrantIndex.build(Letters(), BANK)
    parts = {"server.json": json.dumps(server).encode()}
    path = index_file.write(tmp_path / "bank", index_file.owner(index), parts)
    with pytest.raises(ValueError, match="is damaged"):
        QdrantIndex.load(path, Letters())


def test_an_add_that_was_killed_does_not_count(tmp_path):
    """Another process uploaded two of five points and died: they are in no hit, and go."""
    with serving() as server:
        index = QdrantIndex.build(Letters(), BANK, url=server.url)
        path = index.save(tmp_path / "bank")
        points = [
            models.PointStruct(id=8 + i, vector=[1.0] * 26, payload={"text": "half", "of": [8, 13]})
            for i in range(2)
        ]
        server.qdrant.upsert(index.collection, points)
        again = QdrantIndex.load(path, Letters())
        assert len(again) == 8 and {hit.text for hit in again.search(ALPHABET, 8)} == {*BANK}
        again.add([ALPHABET])
        assert [hit[:2] for hit in again.search(ALPHABET, 1)] == [(8, ALPHABET)]
        assert len(QdrantIndex.load(path, Letters())) == 9
        with pytest.raises(ConnectionError, match="holds 9 texts instead of 8: another process"):
            index.add(["would take the same id"])
        assert [hit[:2] for hit in again.search(ALPHABET, 1)] == [(8, ALPHABET)]


def test_a_build_that_fails_leaves_no_collection(monkeypatch):
    def full(*_):
        raise ValueError("no room")

    with serving() as server:
        monkeypatch.setattr(server.qdrant, "upsert", full)
        with pytest.raises(ConnectionError, match="refused"):
            QdrantIndex.build(Letters(), BANK, url=server.url)
        assert server.qdrant.get_collections().collections == []


def test_the_stand_in_refuses_what_the_published_models_refuse():
    with serving() as server:
        index = QdrantIndex.build(Letters(), BANK, url=server.url)
        for path, body in (("points/count", {"exakt": True}), ("points/delete", {"points": [[]]})):
            url = f"{server.url}/collections/{index.collection}/{path}?wait=true"
            asked = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
            with pytest.raises(urllib.error.HTTPError, match="422"):
                urllib.request.urlopen(asked)
