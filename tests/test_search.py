"""The index: exact search, and a file that is whole or refused."""

import io
import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.internal.index_file import FORMAT
from course_utils.sampling import best_rows
from course_utils.search import Hit, Index, near_rows


class Letters:
    """An encoder whose vectors can be computed by hand: how often each letter occurs."""

    name, dim, fingerprint = "letters", 26, "abc123"

    def __init__(self):
        self.encoded = []

    def encode(self, texts, batch_size=32, show_progress=False):
        self.encoded += texts
        counts = [[text.lower().count(letter) for letter in ALPHABET] for text in texts]
        return np.array(counts, dtype=np.float32)


ALPHABET = "abcdefghijklmnopqrstuvwxyz"
BANK = ["aab", "abc", "xyz", "aab", "bcd", "zzz"]


@pytest.fixture
def index():
    return Index.build(Letters(), BANK)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The path of a small saved index, and its bytes."""
    path = Index.build(Letters(), BANK[:2]).save(tmp_path_factory.mktemp("index") / "bank.index")
    return path, path.read_bytes()


def same(a, b):
    return a.texts == b.texts and np.array_equal(a.embeddings, b.embeddings)


# ---- search -------------------------------------------------------------------------------------


def test_by_hand(index):
    hits = index.search("ab", top_k=3)
    assert all(type(hit) is Hit for hit in hits)
    assert [hit.id for hit in hits] == [0, 3, 1]  # 0 and 3 are tied: the earlier one first
    assert [hit.text for hit in hits] == ["aab", "aab", "abc"]
    expected = [3 / np.sqrt(10), 3 / np.sqrt(10), 2 / np.sqrt(6)]
    assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 2**32), st.data())
def test_equal_to_a_slow_loop(n, dim, seed, data):
    """Best first, ties by position, the threshold applied: for any number of queries."""
    rng = np.random.default_rng(seed)
    encoder = Letters()
    encoder.dim = dim
    index = Index(encoder, [f"text {i}" for i in range(n)], rng.integers(-2, 3, (n, dim)))
    queries = rng.integers(-2, 3, (3, dim))
    top_k = data.draw(st.integers(1, n))
    threshold = data.draw(st.sampled_from([None, -1, -0.55, 0.05, 0.55, 1]))
    for query, hits in zip(queries, index.search_vectors(queries, top_k, threshold), strict=True):
        unit = query / max(np.linalg.norm(query), 1e-9)
        slow = [round(float(row @ unit), 5) for row in index.embeddings.astype(float)]
        order = sorted(range(n), key=lambda i: (-slow[i], i))[:top_k]
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        if threshold is None:
            assert [slow[hit.id] for hit in hits] == [slow[i] for i in order]
        else:
            assert len(hits) == sum(slow[i] >= threshold for i in order)
        assert scores == pytest.approx([slow[hit.id] for hit in hits], abs=1e-4)
        assert all(hit.text == index.texts[hit.id] for hit in hits)


@pytest.mark.parametrize("order", ["mixed", "best last", "best first"])
@pytest.mark.parametrize("top_k", [1, 10, 5000])
def test_a_large_bank_is_read_in_blocks_and_nothing_is_lost(order, top_k):
    """More rows than the sample holds, and more cosines than a block."""
    encoder, rng = Letters(), np.random.default_rng(0)
    encoder.dim, n = 4, 40_000
    bank = rng.normal(size=(n, 4)).astype(np.float32)
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    queries = np.concatenate([np.tile(bank[:1], (250, 1)), bank[1:7]])
    if order != "mixed":
        bank = bank[np.argsort((bank @ queries[0]) * (1 if order == "best last" else -1))]
    cosines = bank.astype(np.float64) @ queries.astype(np.float64).T
    near = near_rows(queries, bank, top_k)
    assert len(near) == 256 and all((np.diff(rows) > 0).all() for rows in near)
    columns = [0, 249, 250, 255]
    asked = columns if top_k == 5000 else range(256)  # 5,000 hits for every query take seconds
    found = Index(encoder, [""] * n, bank).search_vectors(queries[list(asked)], top_k)
    hits = dict(zip(asked, found, strict=True))
    for column in columns:
        best = np.sort(cosines[:, column])[::-1][:top_k]
        assert set(np.argsort(-cosines[:, column])[:top_k]) <= set(near[column].tolist())
        np.testing.assert_allclose([hit.score for hit in hits[column]], best, atol=2e-6)
        assert near[column].size < n / 2 or order == "best last"


def test_no_queries_have_no_hits(index):
    assert index.search_vectors(np.empty((0, 26)), 3) == []


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_best_rows_is_a_stable_sort(scores, data):
    scores, k = np.array(scores) / 5, data.draw(st.integers(1, len(scores)))
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert best_rows(scores, k).tolist() == expected


@pytest.mark.parametrize("n", [3, 17, 100, 1001])
@pytest.mark.parametrize("dim", [50, 384])
def test_equal_texts_are_tied_whatever_the_processor_adds_up_first(n, dim):
    encoder = Letters()
    encoder.dim = dim
    rng = np.random.default_rng(n)
    index = Index(encoder, ["same"] * n, np.tile(rng.normal(size=dim), (n, 1)))
    for queries in (rng.normal(size=(1, dim)), rng.normal(size=(5, dim))):
        for hits in index.search_vectors(queries, top_k=n):
            assert [hit.id for hit in hits] == list(range(n))


def test_a_threshold_leaves_out_what_is_too_far(index):
    assert [hit.id for hit in index.search("ab", 6, threshold=0.9)] == [0, 3]
    assert index.search("ab", 6, threshold=0.95) == []
    assert [hit.id for hit in index.search("xyz", 6, threshold=1)] == [2]
    assert len(index.search("ab", 6, threshold=-1)) == 6


def test_no_match_has_cosine_0(index):
    assert {hit.score for hit in index.search("qqq", 6)} == {0.0}
    assert index.search("qqq", 6, threshold=0.01) == []
    assert {hit.score for hit in index.search("123", 6)} == {0.0}  # a vector of zeros


def test_add_encodes_only_what_is_new(index):
    before = index.search("ab", 6)
    assert index.encoder.encoded == [*BANK, "ab"]
    index.add(["ab", "q"])
    assert index.encoder.encoded == [*BANK, "ab", "ab", "q"]
    assert len(index) == 8 and index.texts == [*BANK, "ab", "q"]
    hits = index.search("ab", 8)
    assert (hits[0].id, hits[0].text) == (6, "ab") and hits[0].score == pytest.approx(1)
    assert [hit for hit in hits if hit.id < 6] == before
    assert same(index, Index.build(Letters(), [*BANK, "ab", "q"]))


def test_a_search_is_one_encoding(index):
    index.encoder.encoded.clear()
    index.search("abc")
    assert index.encoder.encoded == ["abc"]


def test_many_queries_equal_one_by_one(index):
    queries = Letters().encode(["ab", "zx", "d"])
    together = index.search_vectors(queries, 4)
    assert together == [index.search(text, 4) for text in ("ab", "zx", "d")]


class TestRefused:
    @pytest.mark.parametrize("top_k", [0, -1, 7, True, 2.0, "3", None])
    def test_top_k(self, index, top_k):
        message = f"top_k must be a whole number from 1 to 6 (the number of texts); got {top_k}"
        with pytest.raises(ValueError, match=re.escape(message)):
            index.search("ab", top_k)

    @pytest.mark.parametrize("threshold", [1.01, -1.5, 50, np.nan])
    def test_threshold(self, index, threshold):
        with pytest.raises(ValueError, match="threshold is a cosine, from -1 to 1; got"):
            index.search("ab", 1, threshold)

    def test_queries_of_another_encoder(self, index):
        message = "the query has 384 dimensions, the index 26: encode it with 'letters'"
        with pytest.raises(ValueError, match=message):
            index.search_vectors(np.ones((1, 384)), 1)

    def test_a_query_of_nan(self, index):
        with pytest.raises(ValueError, match="NaN or infinity"):
            index.search_vectors(np.full((1, 26), np.nan), 1)

    def test_embeddings_that_do_not_fit_the_texts(self):
        message = r"2 texts need embeddings of shape \(2, 26\).*got \(3, 26\)"
        with pytest.raises(ValueError, match=message):
            Index(Letters(), ["a", "b"], np.ones((3, 26)))


# ---- save and load ------------------------------------------------------------------------------


def test_round_trip(index, tmp_path):
    index.add(["Grüße, 😀 “quotes”\n"])
    path = index.save(tmp_path / "bank.index")
    encoder = Letters()
    again = Index.load(str(path), encoder)
    assert again.texts == index.texts and encoder.encoded == []  # nothing encoded anew
    assert again.embeddings.dtype == np.float32
    np.testing.assert_allclose(again.embeddings, index.embeddings, atol=1e-7)
    assert again.search("ab", 7) == index.search("ab", 7)
    assert same(Index.load(again.save(path), encoder), again)
    assert os.listdir(tmp_path) == ["bank.index"]  # no temporary file stays


def test_save_replaces_and_an_error_leaves_the_old_file(index, tmp_path, monkeypatch):
    path = index.save(tmp_path / "bank.index")
    old = path.read_bytes()
    larger = Index.build(Letters(), [*BANK, "new"])

    def full(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            larger.save(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["bank.index"]
    larger.save(path)
    assert Index.load(path, Letters()).texts == larger.texts


def test_leftovers_of_a_crash_do_not_disturb(index, tmp_path):
    path = tmp_path / "bank.index"
    (tmp_path / ".bank.index.abcd1234").write_bytes(b"PK half an index")
    index.save(path)
    assert same(Index.load(path, Letters()), Index.load(index.save(path), Letters()))


def test_another_encoder_is_refused_and_another_name_is_not(saved, index):
    encoder = Letters()
    encoder.dim = 384
    with pytest.raises(ValueError, match=r"26 dimensions\), not 'letters' \(384\): load that enc"):
        Index.load(saved[0], encoder)
    encoder = Letters()
    encoder.fingerprint = "other weights"
    with pytest.raises(ValueError, match="another model .called 'letters'. than 'letters': weight"):
        Index.load(saved[0], encoder)
    encoder = Letters()
    encoder.name = "./letters"  # the same model by another path
    assert len(Index.load(saved[0], encoder)) == 2
    index.encoder.fingerprint = "trained since"
    with pytest.raises(ValueError, match="'letters' has changed: build the index again"):
        index.add(["more"])
    assert len(index) == 6


def test_no_file_is_said(tmp_path):
    for path in (tmp_path / "gone.index", tmp_path):
        with pytest.raises(FileNotFoundError, match="no index at .*: build one and save it"):
            Index.load(path, Letters())


def other_zip():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("hello.txt", "hello")
    return data.getvalue()


def npz():
    data = io.BytesIO()
    np.savez(data, a=np.ones(3))
    return data.getvalue()


def with_part(saved, part, content):
    """The saved index as a sound zip file, one part of which was written anew."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved)) as old, zipfile.ZipFile(data, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return data.getvalue()


FOREIGN = {
    "text": b"id,text\n1,hello\n",
    "empty": b"",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "zip": other_zip(),
    "npz": npz(),
    "only PK": b"PK",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused(kind, tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(FOREIGN[kind])
    with pytest.raises(ValueError, match="foreign is (not an index of this course|damaged).*again"):
        Index.load(path, Letters())


@pytest.mark.parametrize(
    "meta", ["{}", "[]", "null", "no json", '{"format": "another"}', b"\xff\xfe", "MISSING KEYS"]
)
def test_a_zip_with_the_right_names_and_wrong_content_is_refused(meta, saved, tmp_path):
    if meta == "MISSING KEYS":
        meta = json.dumps({"format": FORMAT})
    path = tmp_path / "foreign"
    path.write_bytes(with_part(saved[1], "meta.json", meta))
    with pytest.raises(ValueError, match="foreign is (not an index of this course|damaged).*again"):
        Index.load(path, Letters())


def test_texts_that_were_exchanged_are_refused(saved, tmp_path):
    """As sound as a zip file can be, but not what was saved: the checksums tell."""
    path = tmp_path / "exchanged"
    path.write_bytes(with_part(saved[1], "texts.json", json.dumps(["aab", "aab"])))
    with pytest.raises(ValueError, match=r"is damaged \(checksum of texts.json\): restore a copy"):
        Index.load(path, Letters())


def load_bytes(data, path):
    """The index that ``data`` holds, or the message of its refusal."""
    path.write_bytes(data)
    try:
        return Index.load(path, Letters())
    except ValueError as error:
        assert "build it again" in str(error) or "load that encoder" in str(error)
        return str(error)


def test_a_file_cut_off_anywhere_is_refused(saved, tmp_path):
    data = saved[1]
    for length in range(len(data)):
        assert isinstance(load_bytes(data[:length], tmp_path / "cut"), str), length


def test_a_changed_byte_anywhere_is_refused_or_harmless(saved, tmp_path):
    """Every byte, one after the other."""
    whole, refused = Index.load(saved[0], Letters()), 0
    flips = np.random.default_rng(0).integers(1, 256, len(saved[1])).tolist()
    for place in range(len(saved[1])):
        data = bytearray(saved[1])
        data[place] ^= flips[place]
        found = load_bytes(bytes(data), tmp_path / "flipped")
        refused += isinstance(found, str)
        assert isinstance(found, str) or same(found, whole), (place, flips[place])
    assert refused > 0.8 * len(flips)  # the rest are dates and the like


# ---- a save killed at any moment ----------------------------------------------------------------

KILLED = '''
    """Kill 200 saves; print what every reload gave. Imports numpy and the search module only."""
    import json, os, random, signal, sys, time
    from pathlib import Path
    import numpy as np
    from course_utils.search import Index

    class Stub:
        name, dim, fingerprint = "stub", 32, "f"
        def encode(self, texts, batch_size=32, show_progress=False):
            return np.random.default_rng(len(texts[0])).random((len(texts), 32), dtype=np.float32)

    folder, n = Path(sys.argv[1]), 3000
    path = folder / "bank.index"
    old = Index.build(Stub(), [f"old text {i}" for i in range(n)])
    new = Index.build(Stub(), [f"the new text {i}" for i in range(n + 500)])
    assert "torch" not in sys.modules

    def save_in_child(delay):
        """Save the new index in a child, kill it after ``delay`` s; (was killed, seconds)."""
        ready, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(go, b"!")
            new.save(path)
            os._exit(0)
        os.read(ready, 1)
        start = time.perf_counter()
        if delay is not None:
            time.sleep(delay)
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        os.close(ready), os.close(go)
        return os.WIFSIGNALED(status), time.perf_counter() - start

    def reload():
        found = Index.load(path, Stub())
        for name, index in (("old", old), ("new", new)):
            if found.texts == index.texts and np.allclose(found.embeddings, index.embeddings):
                return name
        return "neither"

    old.save(path)
    backup = path.read_bytes()
    random.seed(0)
    lying, sizes = [], set()
    counts = {"old": 0, "new": 0, "neither": 0, "killed": 0, "torn": 0}
    for i in range(200):
        if i % 20 == 0:  # the machine may have become faster or slower
            whole = sorted(save_in_child(None)[1] for _ in range(3))[1]
            path.write_bytes(backup)
        killed, _ = save_in_child(random.uniform(0, 1.3) * whole)
        found = reload()
        counts[found] += 1
        counts["killed"] += killed
        left = {p: p.stat().st_size for p in folder.iterdir() if p not in (path, *lying)}
        counts["torn"] += len(left)
        sizes |= set(left.values())
        lying = [] if len(lying) > 5 else [*lying, *left]  # a few leftovers always lie about
        for leftover in folder.glob(".bank.index.*"):
            if leftover not in lying:
                leftover.unlink()
        if found != "old":
            path.write_bytes(backup)
    print(json.dumps({**counts, "sizes": len(sizes)}))
'''


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork to kill")
def test_a_save_killed_200_times_leaves_the_old_or_the_new_index(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED).lstrip("\n"))
    folder = tmp_path / "bank"
    folder.mkdir()
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["neither"] == 0 and counts["old"] + counts["new"] == 200
    assert counts["old"] >= 20 and counts["new"] >= 10  # kills before and after the replacement
    assert counts["killed"] >= 50 and counts["torn"] >= 20  # and in the middle of writing:
    assert counts["sizes"] >= 3  # nothing, some and all of the new file was on the disk
