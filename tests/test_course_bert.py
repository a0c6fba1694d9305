"""The course's own small BERT, as it is shipped, and the report on it."""

import csv
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from svg_checks import differences, faults

from course_utils import encoders, masked
from course_utils.internal import hub
from course_utils.pretraining import report

FOLDER = hub.ASSETS / "course-bert"


def test_small_enough_and_without_pickles():
    names = {path.name for path in FOLDER.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 11e6


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
    results = report.cloze_results()
    right = np.mean([result["right"] for result in results])
    print(f"cloze, right word in the top 5: {right:.3f} of {len(results)}")
    assert len(results) == 60 and right > 0.4


def test_contextual_vectors_tell_senses_apart_and_static_ones_do_not():
    accuracies = report.sense_accuracies()
    print("sense accuracy by layer:", [f"{a:.3f}" for a in accuracies])
    assert max(accuracies) > 0.82


def test_sense_accuracy_by_hand():
    rows = [{"word": "w", "sense": sense} for sense in "aaabbb"]
    apart = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1]], dtype=float)
    assert report.sense_accuracy(rows, apart) == 1.0
    assert report.sense_accuracy(rows, np.ones((6, 2))) == 0.5  # static: all alike
    mixed = report.sense_accuracy(rows, apart[[0, 3, 1, 4, 2, 5]])
    assert mixed == pytest.approx(2 / 3)  # in each sense the odd one out is wrong


def test_the_curve_is_recorded_and_falls():
    with (FOLDER / "curve.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    tokens = [int(row["tokens"]) for row in rows]
    assert tokens == sorted(set(tokens)) and tokens[-1] > 9e7
    assert float(rows[-1]["heldout_loss"]) < float(rows[0]["heldout_loss"]) - 2


def drawn_curves(svg):
    """(name, points (n, 2) in the axes' own units) of each curve, read off its tick labels."""
    tags = "{http://www.w3.org/2000/svg}"
    for axes in ElementTree.fromstring(svg).iterfind(f".//{tags}g[@id]"):
        if not axes.get("id").startswith("axes_"):
            continue
        scales = []
        for name in "xy":
            ticks = [g for g in axes.iter(f"{tags}g") if g.get("id", "").startswith(f"{name}tick")]
            at = [float(next(tick.iter(f"{tags}use")).get(name)) for tick in ticks]
            says = [float(next(tick.iter(f"{tags}text")).text) for tick in ticks]
            scales.append(np.polyfit(at, says, 1))
        [line] = [g for g in axes.iter(f"{tags}g") if g.get("id", "").startswith("heldout_")]
        numbers = re.findall(r"[\d.]+", next(line.iter(f"{tags}path")).get("d"))
        points = np.array(numbers, dtype=float).reshape(-1, 2)
        yield line.get("id"), np.stack(list(map(np.polyval, scales, points.T)), axis=1)


def test_the_drawn_curve_is_that_of_the_shipped_file(tmp_path, capsys):
    shutil.copy(FOLDER / "curve.csv", tmp_path)
    report.main(["--curve", "--model", str(tmp_path)])
    assert "curve.svg" in capsys.readouterr().out
    shipped = (FOLDER / "curve.svg").read_text(encoding="utf-8")
    fresh = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    advice = "curve.csv changed: run python -m course_utils.pretraining.report --curve"
    assert not differences(shipped, fresh), advice
    assert not faults(shipped) and len(shipped) < 40_000
    alt = ElementTree.fromstring(shipped)[0].text
    assert f"![{alt}](curve.svg)" in (FOLDER / "README.md").read_text(encoding="utf-8")
    with (FOLDER / "curve.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    curves = dict(drawn_curves(shipped))
    assert sorted(curves) == ["heldout_accuracy", "heldout_loss"]
    for column, points in curves.items():
        wanted = [(int(row["tokens"]) / 1e6, float(row[column])) for row in rows]
        assert (np.abs(points - wanted).max(axis=0) < 0.002 * np.ptp(wanted, axis=0)).all()


def test_a_curve_says_where_sequences_became_longer(tmp_path):
    def drawn(*lengths):
        rows = [f"{i}000000,{length},5,0.1" for i, length in enumerate(lengths)]  # a flat one, too
        lines = [",".join(report.CURVE_COLUMNS), *rows]
        (tmp_path / "curve.csv").write_text("\n".join(lines), encoding="utf-8")
        return report.draw_curve(tmp_path).read_text(encoding="utf-8")

    assert "sequences of 128 tokens from here, of 64 before" in drawn(64, 128)
    assert drawn(64, 128).count("stroke-dasharray") == 2
    assert "stroke-dasharray" not in drawn(128, 128)
    with pytest.raises(ValueError, match="at least 2 points; .*curve.csv has 1"):
        drawn(64)


def test_report_measures_held_out_lines(tmp_path, capsys):
    text = tmp_path / "text.txt"
    line = "The old man opened the door and looked out at the sea for a long time. " * 8
    text.write_text(f"{line}\n" * 600, encoding="utf-8")
    report.main(["--text", str(text), "--length", "64", "--examples", "3"])
    printed = capsys.readouterr().out
    assert "held-out" in printed and printed.count("[MASK]") >= 3
    figures = report.held_out([str(text)], length=64)
    assert figures["predictions"] > 30 and 0.2 < figures["accuracy"] <= 1


def test_a_mask_must_be_there_once():
    for text in ("no gap here", "two [MASK] and [MASK]"):
        with pytest.raises(ValueError, match="write exactly one"):
            masked.fill_mask(text)
    with pytest.raises(ValueError, match="top_k must be a whole number from 1 to 8192"):
        masked.fill_mask("a [MASK]", top_k=0)
    with pytest.raises(FileNotFoundError, match="no masked language model at"):
        masked.load_masked_lm("no/such/folder/at-all")
