"""The file of an index: what was crafted, is a bomb or is not ours is refused at once."""

import hashlib
import io
import json
import os
import stat
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from course_utils.engines import HnswIndex, IvfPqIndex, QdrantIndex
from course_utils.engines.approximate import FaissIndex
from course_utils.search import Index

posix = pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")


class Stub:
    name, dim, fingerprint = "stub", 4, "abc123"


def vectors(n=6):
    rng = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    return rng / np.linalg.norm(rng, axis=1, keepdims=True)


def made(kind=Index):
    return kind(Stub(), list("abcdef"), vectors())


def crafted(path, parts, **changes):
    """The index at ``path`` with other parts, and sizes and checksums that are right again."""
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(old.pop("meta.json"))
    new = {name: data for name, data in (old | parts).items() if data is not None}
    meta["parts"] = {n: [len(d), hashlib.sha256(d).hexdigest()] for n, d in new.items()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta | changes))
        for name, data in new.items():
            archive.writestr(name, data)


def npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def header(shape):
    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        data, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return data.getvalue() + bytes(96)


def ran():
    pytest.fail("code in the file was run")


class Bomb:
    """What runs as soon as it is read from a pickle."""

    def __reduce__(self):
        return ran, ()


FINE = vectors()
CRAFTED = {
    "fewer texts": {"texts.json": b'["a", "b"]'},
    "no list of texts": {"texts.json": b'{"a": 1}'},
    "numbers as texts": {"texts.json": b"[1, 2, 3, 4, 5, 6]"},
    "five columns": {"vectors.npy": npy(np.ones((6, 5), np.float32))},
    "NaN": {"vectors.npy": npy(np.where(FINE == FINE[3], np.float32(np.nan), FINE))},
    "too long": {"vectors.npy": npy(FINE * 1000)},
    "float64": {"vectors.npy": npy(FINE.astype(np.float64))},
    "strings": {"vectors.npy": npy(FINE.astype(str))},
    "objects": {"vectors.npy": npy(np.full((6, 4), Bomb(), object))},
    "three dimensions": {"vectors.npy": npy(FINE[None])},
    "columns first": {"vectors.npy": npy(np.asfortranarray(FINE))},
    "a promise of 4 TB": {"vectors.npy": header((10**12, 4))},
    "half the rows": {"vectors.npy": npy(FINE)[:-48]},
    "no vectors": {"vectors.npy": None},
}


@pytest.mark.parametrize("case", CRAFTED)
@pytest.mark.parametrize("kind", [Index, QdrantIndex])
def test_a_crafted_file_is_refused(kind, case, tmp_path):
    path = made(kind).save(tmp_path / "bank")
    crafted(path, CRAFTED[case])
    with pytest.raises(ValueError, match="is damaged .*build it again"):
        kind.load(path, Stub())


@pytest.mark.parametrize("kind", [Index, HnswIndex, IvfPqIndex, QdrantIndex])
def test_a_load_that_fails_leaves_nothing(kind, tmp_path, monkeypatch):
    """As a damaged database inside the file, which an engine may unpack before it reads it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = made(kind).save(tmp_path / "bank")
    main = "index.faiss" if issubclass(kind, FaissIndex) else "vectors.npy"
    for data in (b"", b"SQLite format 3\0" + bytes(4096), None):
        crafted(path, {main: data})
        with pytest.raises(ValueError, match="is damaged .*build it again"):
            kind.load(path, Stub())
    assert sorted(os.listdir(tmp_path)) == ["bank", "temporary"] and not os.listdir(temporary)


def faiss_parts(kind, change):
    """The part that FAISS wrote, after ``change`` was done to its index."""
    import faiss

    structure = made(kind).structure
    return {"index.faiss": faiss.serialize_index(change(structure) or structure).tobytes()}


def flat(structure):
    import faiss

    return faiss.IndexFlatIP(4)


def other_rule(structure):
    import faiss

    other = faiss.IndexHNSWFlat(4, 32)  # compares distances, not products
    other.add(vectors())
    return other


def long_vector(structure):
    structure.add(np.full((1, 4), 7, np.float32))


def lost_link(structure):
    import faiss

    links = faiss.vector_to_array(structure.hnsw.neighbors)
    links[0] = 99
    faiss.copy_array_to_vector(links, structure.hnsw.neighbors)


def one_more(structure):
    structure.add(vectors(1))


@pytest.mark.parametrize(
    "kind, change",
    [(HnswIndex, flat), (HnswIndex, other_rule), (HnswIndex, long_vector), (HnswIndex, lost_link),
     (HnswIndex, one_more), (IvfPqIndex, flat), (IvfPqIndex, one_more)],
)  # fmt: skip
def test_a_crafted_structure_is_refused(kind, change, tmp_path):
    path = made(kind).save(tmp_path / "bank")
    row = npy(np.arange(7, dtype=np.int32)) if change is long_vector else None
    extra = {"row.npy": row, "texts.json": b'["a","b","c","d","e","f","g"]'} if row else {}
    crafted(path, faiss_parts(kind, change) | extra)
    with pytest.raises(ValueError, match="is damaged .*build it again"):
        kind.load(path, Stub())


@pytest.mark.parametrize("row", [[0, 1, 2, 3, 4, 9], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, -1]])
def test_texts_of_vectors_that_do_not_exist_are_refused(row, tmp_path):
    path = made(HnswIndex).save(tmp_path / "bank")
    crafted(path, {"row.npy": npy(np.array(row, np.int32))})
    with pytest.raises(ValueError, match="texts and vectors do not fit together"):
        HnswIndex.load(path, Stub())


@pytest.mark.parametrize("promise", [2**28, 224])
@pytest.mark.parametrize("format", ["ours", "another"])
def test_a_zip_bomb_is_refused_at_once(format, promise, tmp_path):
    path = made().save(tmp_path / "bank")
    with zipfile.ZipFile(path) as archive:
        meta = json.loads(archive.read("meta.json"))
    meta["format"] = meta["format"] if format == "ours" else format
    meta["parts"] = {"vectors.npy": [promise, "0" * 64]}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta))
        info = zipfile.ZipInfo("vectors.npy")
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w") as part:
            for _ in range(2**8):
                part.write(bytes(2**20))
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(ValueError, match="is (damaged|not an index)"):
        Index.load(path, Stub())
    assert tracemalloc.get_traced_memory()[1] < 2**22 and time.perf_counter() - start < 5
    tracemalloc.stop()


def test_facts_too_long_to_be_the_courses_are_not_read(tmp_path):
    path = made().save(tmp_path / "bank")
    crafted(path, {}, note="x" * 2**17)  # a few hundred characters is what the course writes
    with pytest.raises(ValueError, match="is not an index"):
        Index.load(path, Stub())


def test_an_earlier_edition_is_said(tmp_path):
    path = made().save(tmp_path / "bank")
    crafted(path, {}, format="sentence-transformers-course index 1")
    with pytest.raises(ValueError, match="built by an earlier edition of this course: build it ag"):
        Index.load(path, Stub())
    assert len(Index.load(made().save(path), Stub())) == 6  # and may be replaced


@pytest.mark.parametrize("kind", [Index, HnswIndex, IvfPqIndex, QdrantIndex])
def test_a_saved_index_holds_no_pickle(kind, tmp_path):
    with zipfile.ZipFile(made(kind).save(tmp_path / "bank")) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".npy"):
                np.load(io.BytesIO(data), allow_pickle=False)
            elif name.endswith(".json"):
                json.loads(data)
            else:
                assert name == "index.faiss" and data[:4] in (b"IHNf", b"IwPQ")


def test_a_file_that_is_no_index_is_not_overwritten(tmp_path):
    path = tmp_path / "questions.csv"
    path.write_text("id,text\n1,mine\n")
    with pytest.raises(FileExistsError, match="questions.csv exists and is not an index: choose"):
        made().save(path)
    assert path.read_text() == "id,text\n1,mine\n" and os.listdir(tmp_path) == ["questions.csv"]


@pytest.mark.parametrize("kind", [Index, HnswIndex, IvfPqIndex, QdrantIndex])
def test_a_full_disk_leaves_the_old_file_and_says_so(kind, tmp_path, full_disk):
    path = made(kind).save(tmp_path / "bank")
    before = path.read_bytes()
    larger = kind(Stub(), [f"text {i}" for i in range(2000)], vectors(2000))
    with full_disk(), pytest.raises(OSError) as error:
        larger.save(path)
    assert "bank was not written; what was there before is unchanged" in error.value.__notes__[0]
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["bank"]


@posix
def test_a_link_stays_and_its_target_is_renewed(tmp_path):
    (tmp_path / "real").mkdir()
    link, target = tmp_path / "link", tmp_path / "real" / "bank"
    link.symlink_to(target)
    for n in (6, 7):  # a link to nothing yet, then one to an index
        Index(Stub(), ["x"] * n, vectors(n)).save(link)
        assert link.is_symlink() and len(Index.load(target, Stub())) == n
    assert os.listdir(tmp_path / "real") == ["bank"]


@posix
@pytest.mark.parametrize("umask, mode", [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640)])
def test_permissions(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        path = made().save(tmp_path / "bank")
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o604)
        made().save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604  # what its owner chose is kept
    finally:
        os.umask(before)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), MemoryError()])
def test_an_unreadable_file_is_not_called_damaged(error, tmp_path, monkeypatch):
    path = made().save(tmp_path / "bank")

    def fails(*_):
        raise error

    monkeypatch.setattr("zipfile.ZipFile.read", fails)
    with pytest.raises(type(error)):
        Index.load(path, Stub())
