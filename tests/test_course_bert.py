"""The course's own small BERT, as it is shipped, and the report on it."""

import csv
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from course_utils import encoders, masked
from course_utils.internal import hub
from course_utils.pretraining import curve, report

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
    """(title, points (n, 2) in the axes' own units) of each panel, read off its tick labels."""
    root = ElementTree.fromstring(svg)
    texts = [(float(e.get("x")), float(e.get("y")), e.text) for e in root.iter() if e.get("x")]
    titles = sorted(text for text in texts if text[2].startswith("held-out"))
    numbers = [text for text in texts if re.fullmatch(r"[\d.]+", text[2])]
    lines = [e.get("points") for e in root.iter() if e.get("points")]
    for (middle, _, title), line in zip(titles, lines, strict=True):
        near = [t for t in numbers if abs(t[0] - middle) < 230]
        bottom = max(y for _, y, _ in near)
        across = [(x, float(text)) for x, y, text in near if y == bottom]
        up = [(y - 5, float(text)) for _, y, text in near if y != bottom]  # 5: half a letter
        points = np.array([point.split(",") for point in line.split()], dtype=float)
        yield (
            title,
            np.stack(
                [
                    np.polyval(np.polyfit(*zip(*ticks, strict=True), 1), points[:, i])
                    for i, ticks in enumerate((across, up))
                ],
                axis=1,
            ),
        )


def test_the_drawn_curve_is_that_of_the_shipped_file(tmp_path, capsys):
    shutil.copy(FOLDER / "curve.csv", tmp_path)
    report.main(["--curve", "--model", str(tmp_path)])
    assert "curve.svg" in capsys.readouterr().out
    shipped = (FOLDER / "curve.svg").read_bytes()
    advice = "curve.csv changed: run python -m course_utils.pretraining.report --curve"
    assert (tmp_path / "curve.svg").read_bytes() == shipped, advice
    assert len(shipped) < 40_000
    alt = ElementTree.fromstring(shipped)[0].text
    assert f"![{alt}](curve.svg)" in (FOLDER / "README.md").read_text(encoding="utf-8")
    with (FOLDER / "curve.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    panels = dict(drawn_curves(shipped))
    assert sorted(panels) == ["held-out accuracy", "held-out loss"]
    for title, points in panels.items():
        column = title.replace("held-out ", "heldout_")
        wanted = [(int(row["tokens"]) / 1e6, float(row[column])) for row in rows]
        assert (np.abs(points - wanted).max(axis=0) < 0.002 * np.ptp(wanted, axis=0)).all()


def test_a_curve_says_where_sequences_became_longer():
    row = {"tokens": "1000000", "heldout_loss": "5", "heldout_accuracy": "0.1"}
    short, long = row | {"sequence_length": "64"}, row | {"sequence_length": "128"}
    long |= {"tokens": "2000000"}
    svg = curve.curve_svg([short, long])  # a flat one, too
    assert "sequences of 128 tokens, before of 64" in svg and svg.count("dasharray") == 2
    assert "dasharray" not in curve.curve_svg([long, long])
    with pytest.raises(ValueError, match="at least 2 points; got 1"):
        curve.curve_svg([short])


@pytest.mark.parametrize("low, high", [(0, 63.6), (3.07, 6.25), (0.12, 0.44), (0.5, 0.5), (0, 900)])
def test_ticks_are_few_and_enclose(low, high):
    ticks = curve.ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 7
    assert np.ptp(np.diff(ticks)) == pytest.approx(0, abs=1e-9)


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
