"""The course's own small BERT, as it is shipped, and the report on it."""

import csv

import numpy as np
import pytest

from course_utils import bert_report, encoders, masked

FOLDER = encoders.ASSETS / "course-bert"


def test_small_enough_and_without_pickles():
    names = {path.name for path in FOLDER.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert (FOLDER / "model.safetensors").stat().st_size <= 11e6


def test_architecture_is_what_the_card_says():
    tokenizer, model = masked.load_masked_lm()
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (4, 256, 4)
    assert (config.intermediate_size, config.max_position_embeddings) == (1024, 128)
    assert config.vocab_size == len(tokenizer) == 8192
    assert 5.2e6 < sum(p.numel() for p in model.parameters()) < 5.5e6
    assert all(str(p.dtype) == "torch.float32" for p in model.parameters())


def test_encodes_by_name_in_float32():
    encoder = encoders.load("course-bert")
    embeddings = encoder.encode(["A question?", "The cat slept on the roof all day long."])
    assert embeddings.shape == (2, 256) and embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()


def test_every_position_is_trained():
    _, model = masked.load_masked_lm()
    lengths = model.bert.embeddings.position_embeddings.weight.norm(dim=1)
    assert lengths.min() > 0.5 * lengths.median()


def test_it_fills_gaps_far_better_than_chance():
    results = bert_report.cloze_results()
    right = np.mean([result["right"] for result in results])
    print(f"cloze, right word in the top 5: {right:.3f} of {len(results)}")
    assert len(results) == 60 and right > 0.4


def test_contextual_vectors_tell_senses_apart_and_static_ones_do_not():
    accuracies = bert_report.sense_accuracies()
    print("sense accuracy by layer:", [f"{a:.3f}" for a in accuracies])
    assert max(accuracies) > 0.78


def test_sense_accuracy_by_hand():
    rows = [{"word": "w", "sense": sense} for sense in "aaabbb"]
    apart = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1]], dtype=float)
    assert bert_report.sense_accuracy(rows, apart) == 1.0
    assert bert_report.sense_accuracy(rows, np.ones((6, 2))) == 0.5  # static: all alike
    mixed = bert_report.sense_accuracy(rows, apart[[0, 3, 1, 4, 2, 5]])
    assert mixed == pytest.approx(2 / 3)  # in each sense the odd one out is wrong


def test_the_curve_is_recorded_and_falls():
    with (FOLDER / "curve.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    tokens = [int(row["tokens"]) for row in rows]
    assert tokens == sorted(set(tokens)) and tokens[-1] > 6e7
    assert float(rows[-1]["heldout_loss"]) < float(rows[0]["heldout_loss"]) - 2


def test_report_measures_held_out_lines(tmp_path, capsys):
    text = tmp_path / "text.txt"
    line = "The old man opened the door and looked out at the sea for a long time. " * 8
    text.write_text(f"{line}\n" * 600, encoding="utf-8")
    bert_report.main(["--text", str(text), "--length", "64", "--examples", "3"])
    printed = capsys.readouterr().out
    assert "held-out" in printed and printed.count("[MASK]") >= 3
    figures = bert_report.held_out([str(text)], length=64)
    assert figures["predictions"] > 30 and 0.2 < figures["accuracy"] <= 1


def test_a_mask_must_be_there_once():
    for text in ("no gap here", "two [MASK] and [MASK]"):
        with pytest.raises(ValueError, match="write exactly one"):
            masked.fill_mask(text)
    with pytest.raises(ValueError, match="top_k must be from 1 to 8192"):
        masked.fill_mask("a [MASK]", top_k=0)
    with pytest.raises(FileNotFoundError, match="no masked language model at"):
        masked.load_masked_lm("no/such/folder/at-all")
