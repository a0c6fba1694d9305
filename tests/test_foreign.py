"""Models that others made: the library's vectors, or a refusal that says why."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from tiny_bert import SENTENCES, save_tiny_bert, tiny_config, tiny_tokenizer
from transformers import (
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLNetConfig,
    XLNetModel,
)

from course_utils import encoders, masked
from course_utils.internal import hub

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "plain", plain=True)


def edit(path, **changes):
    """Change some values of a JSON file that holds a dict; it may not exist yet."""
    content = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(content | changes))


def save_library(folder, plain, *parts, max_length=32, **settings):
    """A model of the library: tiny BERT, then ``parts``; returns its folder."""
    transformer = modules.Transformer(str(plain), max_seq_length=max_length)
    library = SentenceTransformer(modules=[transformer, *parts], device="cpu", **settings)
    with hub.quiet():
        library.save(str(folder), create_model_card=False)
    return folder


# ---- the library's vectors -----------------------------------------------------------------------

CASES = {
    "cls": [modules.Pooling(16, "cls")],
    "max, length 1": [modules.Pooling(16, "max"), modules.Normalize()],
    "last token": [modules.Pooling(16, "lasttoken")],
    "two poolings": [modules.Pooling(16, ("mean", "max"))],
    "word vectors": None,
    "a dense layer": [modules.Pooling(16), modules.Dense(16, 8)],
}


def same_as_the_library(folder):
    ours, theirs = encoders.load(folder), SentenceTransformer(str(folder), device="cpu")
    expected = theirs.encode(SENTENCES, show_progress_bar=False)
    assert ours.dim == expected.shape[1]
    found = ours.encode(SENTENCES, batch_size=3)
    assert found.dtype == np.float32 and np.abs(found - expected).max() <= 1e-5
    assert np.abs(ours.embed(SENTENCES).detach().numpy() - expected).max() <= 1e-5
    return ours, expected


@pytest.mark.parametrize("case", CASES)
def test_vectors_are_the_librarys(plain, tmp_path, case):
    if CASES[case]:
        folder = save_library(tmp_path / "model", plain, *CASES[case], max_length=9)
    else:
        torch.manual_seed(0)
        words = modules.StaticEmbedding(tiny_tokenizer(), embedding_dim=16)
        folder = tmp_path / "model"
        SentenceTransformer(modules=[words]).save(str(folder), create_model_card=False)
    ours, expected = same_as_the_library(folder)
    if CASES[case]:
        assert ours.max_length == 9
    # saved and loaded again
    again = encoders.load(ours.save(tmp_path / "again"))
    assert again.fingerprint == ours.fingerprint
    assert np.abs(again.encode(SENTENCES) - expected).max() <= 1e-6


@pytest.mark.parametrize("include", [True, False])
def test_a_default_prompt_is_used(plain, tmp_path, include):
    prompt = {"prompts": {"query": "the red "}, "default_prompt_name": "query"}
    pooling = modules.Pooling(16, include_prompt=include)
    ours, vectors = same_as_the_library(save_library(tmp_path / "m", plain, pooling, **prompt))
    assert np.abs(vectors - encoders.load(plain).encode(SENTENCES)).max() > 0.1


def test_lower_case_is_used(plain, tmp_path):
    folder = save_library(tmp_path / "m", plain, modules.Pooling(16))
    tiny_tokenizer(do_lower_case=False, model_max_length=32).save_pretrained(folder)
    edit(folder / "sentence_bert_config.json", do_lower_case=True)
    upper = encoders.load(folder).encode([text.upper() for text in SENTENCES])
    assert np.abs(upper - encoders.load(plain).encode(SENTENCES)).max() <= 1e-5


def test_layers_lie_where_the_list_says(plain, tmp_path):
    """Another folder for the pooling, and a transformer in a folder of its own, as before 2.0."""
    folder = save_library(tmp_path / "m", plain, modules.Pooling(16, "cls"))
    shutil.move(folder / "1_Pooling", folder / "2_Pooling")
    moved = folder / "0_Transformer"
    moved.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.move(folder / name, moved / name)
    shutil.move(folder / "sentence_bert_config.json", moved / "sentence_bert_config.json")
    layers = json.loads((folder / "modules.json").read_text())
    layers[0]["path"], layers[1]["path"] = "0_Transformer", "2_Pooling"
    (folder / "modules.json").write_text(json.dumps(layers))
    assert same_as_the_library(folder)[0].pooling == "cls"


def test_padding_never_changes_a_vector(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "left")
    tiny_tokenizer(padding_side="left", model_max_length=32).save_pretrained(folder)
    ours = encoders.load(folder)
    alone, together = ours.encode(["sun"]), ours.encode(["sun", SENTENCES[4]])
    assert np.abs(alone[0] - together[0]).max() <= 1e-5
    assert np.abs(ours.embed(["sun", SENTENCES[4]])[0].detach().numpy() - alone[0]).max() <= 1e-5


FAMILIES = {
    "roberta": (RobertaModel, tiny_config(RobertaConfig, 34, pad_token_id=1), 32),
    "xlm-roberta": (XLMRobertaModel, tiny_config(XLMRobertaConfig, 34, pad_token_id=1), 32),
    "mpnet": (MPNetModel, tiny_config(MPNetConfig, 34, pad_token_id=1), 32),
    "t5": (
        T5Model,
        T5Config(vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2),
        None,
    ),
    "xlnet": (XLNetModel, XLNetConfig(vocab_size=60, d_model=16, n_layer=2, n_head=2), None),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_other_networks_cut_long_texts_where_their_positions_end(tmp_path, family):
    kind, config, longest = FAMILIES[family]
    torch.manual_seed(0)
    with hub.quiet():
        kind(config).save_pretrained(tmp_path)
        tiny_tokenizer().save_pretrained(tmp_path)
    ours, _ = same_as_the_library(tmp_path)
    if longest:
        assert ours.max_length == longest
    vectors = ours.encode(["the cat " * 100, "sun"])
    assert np.isfinite(vectors).all()


# ---- what is refused -----------------------------------------------------------------------------


def rename_weights(folder):
    weights = load_file(folder / "model.safetensors")
    save_file({f"module.{k}": v for k, v in weights.items()}, folder / "model.safetensors")


def drop_a_layer(folder):
    weights = load_file(folder / "model.safetensors")
    kept = {k: v for k, v in weights.items() if "layer.1." not in k}
    save_file(kept, folder / "model.safetensors")


def resave_tokenizer(folder, change):
    tokenizer = tiny_tokenizer(model_max_length=32)
    change(tokenizer)
    tokenizer.save_pretrained(folder)


def bring_code(folder):
    """A network that transformers does not know, with a program that ends the tests if it runs."""
    (folder / "own.py").write_text("raise SystemExit('code of the model was run')")
    names = {"AutoConfig": "own.Config", "AutoModel": "own.Model", "AutoTokenizer": "own.Words"}
    edit(folder / "config.json", model_type="new", auto_map=names)


WRONG_WEIGHTS = {
    "other names": (rename_weights, "weights lack"),
    "a layer too few": (drop_a_layer, r"weights lack encoder.layer.1.*16 in all"),
    "a layer too many": (lambda f: edit(f / "config.json", num_hidden_layers=1), "do not belong"),
    "another size": (lambda f: edit(f / "config.json", intermediate_size=64), "is damaged"),
    "a token too many": (
        lambda f: resave_tokenizer(f, lambda t: t.add_tokens(["new"])),
        "has token 50, and the network only 50 tokens",
    ),
    "no padding token": (
        lambda f: resave_tokenizer(f, lambda t: setattr(t, "pad_token", None)),
        "has no padding token",
    ),
    "an adapter": (lambda f: edit(f / "adapter_config.json"), "holds an adapter"),
    "code of its own": (bring_code, "is damaged or cannot be read here"),
}


@pytest.mark.parametrize("layout", ["course", "plain"])
@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_no_weight_is_left_to_chance(tmp_path, monkeypatch, layout, case):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run code"))
    folder = save_tiny_bert(tmp_path / "model", plain=layout == "plain")
    change, words = WRONG_WEIGHTS[case]
    change(folder)
    with pytest.raises(ValueError, match=words):
        encoders.load(folder)


BROKEN = {
    "no pooling folder": lambda f: shutil.rmtree(f / "1_Pooling"),
    "unknown pooling": lambda f: edit(f / "1_Pooling" / "config.json", pooling_mode="median"),
    "no list": lambda f: (f / "modules.json").write_text('{"a": 1}'),
    "no JSON": lambda f: (f / "modules.json").write_text("[{"),
    "foreign class": lambda f: (f / "modules.json").write_text(
        '[{"idx": 0, "name": "0", "path": "", "type": "custom_st.Transformer"}]'
    ),
    "negative length": lambda f: edit(f / "sentence_bert_config.json", max_seq_length=-5),
    "a length in words": lambda f: edit(f / "sentence_bert_config.json", max_seq_length="64"),
    "cross-encoder": lambda f: edit(
        f / "config_sentence_transformers.json", model_type="CrossEncoder"
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_folder_is_an_error_and_never_another_model(plain, tmp_path, case):
    folder = save_library(tmp_path / "model", plain, modules.Pooling(16, "cls"))
    BROKEN[case](folder)
    with pytest.raises(ValueError, match="is damaged or cannot be read here"):
        encoders.load(folder)


@pytest.mark.parametrize(
    "change", [{"format": "2"}, {"pooling": "min"}, {"normalize": 1}, {"max_length": 0}, {"x": 1}]
)
def test_a_damaged_note_of_the_course_is_refused(tmp_path, change):
    folder = save_tiny_bert(tmp_path / "model")
    edit(folder / "course.json", **change)
    with pytest.raises(ValueError, match="course.json is damaged or of a later edition"):
        encoders.load(folder)


def test_a_pickled_layer_is_refused(plain, tmp_path):
    folder = save_library(tmp_path / "m", plain, modules.Pooling(16), modules.Dense(16, 8))
    weights = load_file(folder / "2_Dense" / "model.safetensors")
    torch.save(weights, folder / "2_Dense" / "pytorch_model.bin")
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="pickled weights are not read"):
        encoders.load(folder)


def test_there_must_be_a_pooling_to_choose(plain, tmp_path):
    folder = save_library(tmp_path / "m", plain, modules.Pooling(16))
    with pytest.raises(ValueError, match="unknown pooling 'lasttoken'"):
        encoders.load(folder, pooling="lasttoken")


# ---- the word under [MASK] -----------------------------------------------------------------------


def test_an_encoder_has_no_masked_word_head(tmp_path):
    saved = encoders.load("course-bert").save(tmp_path / "saved")
    with pytest.raises(ValueError, match="has no masked-word head"):
        masked.fill_mask("a [MASK].", source=saved)


def test_a_masked_model_is_read_again_when_its_files_change(tmp_path):
    tokenizer, model = masked.load_masked_lm()
    with hub.quiet():
        tokenizer.save_pretrained(tmp_path)
        model.save_pretrained(tmp_path)
    before = masked.mask_logits("a [MASK].", tmp_path)[1]
    assert masked.load_masked_lm(tmp_path) is masked.load_masked_lm(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["cls.predictions.bias"] += 1
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    np.testing.assert_allclose(masked.mask_logits("a [MASK].", tmp_path)[1], before + 1, atol=1e-4)


@pytest.mark.parametrize("text", [["a [MASK]."], "bad \ud800 [MASK]"])
def test_a_gap_needs_one_sentence(text):
    with pytest.raises((TypeError, ValueError), match=r"texts\[0\]"):
        masked.fill_mask(text)
