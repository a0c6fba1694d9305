"""Pre-training: what it reads, what it masks, what it optimises, and that it resumes exactly."""

import csv
import json
import lzma
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM

from course_utils import encoders
from course_utils.internal import hub
from course_utils.pretraining import __main__ as command
from course_utils.pretraining import data, model, train
from course_utils.pretraining.data import CLS, MASK, PAD, SEP, SPECIAL

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = "the a cat dog bird sat ran saw big small red river bank house of on by with".split()
TINY = ["--layers", "1", "--hidden", "32", "--heads", "2", "--positions", "32", "--seq-len", "16"]
TINY += ["--vocab-size", "120", "--batch", "8", "--micro-batch", "4", "--short-len", "16"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rng = np.random.default_rng(0)
    known = [" ".join(rng.choice(WORDS, size)) + "." for size in (4, 5, 5, 6, 7, 8)]
    lines = [" ".join(rng.choice(known, 4)) for _ in range(1200)]
    path = tmp_path_factory.mktemp("corpus") / "text.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8") as handle:
        handle.write("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    tokens = data.prepare([str(corpus)], out, 120)
    return tokens, Tokenizer.from_file(str(out / "tokenizer.json"))


def run(corpus, out, *options):
    command.main(["--text", str(corpus), "--out", str(out), *TINY, *options])
    return torch.load(out / "checkpoint.pt", weights_only=True)


def curve(out):
    with (out / "curve.csv").open(encoding="utf-8") as handle:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(handle)]


def test_plain_and_compressed_text_read_alike(corpus, tmp_path):
    plain = tmp_path / "text.txt"
    plain.write_text(lzma.open(corpus, "rt", encoding="utf-8").read(), encoding="utf-8")
    assert list(data.read_lines([str(plain)])) == list(data.read_lines([str(corpus)]))


def test_a_missing_text_says_what_to_name():
    with pytest.raises(FileNotFoundError, match="neither a text file here nor a data set"):
        list(data.read_lines(["no-such-file.txt"]))


def test_one_line_in_two_hundred_is_held_out(corpus, prepared):
    tokens, tokenizer = prepared
    lines = list(data.read_lines([str(corpus)]))
    held_out = tokenizer.decode(list(tokens["heldout"]), skip_special_tokens=True)
    assert (tokens["heldout"] == SEP).sum() == len(lines) // 200
    assert (tokens["train"] == SEP).sum() == len(lines) - len(lines) // 200
    assert held_out.replace(" ", "").startswith(lines[199].replace(" ", ""))


def test_sequences_keep_every_token_in_order(prepared):
    tokens, _ = prepared
    rows = data.sequences(tokens["train"], 16)
    assert (rows[:, 0] == CLS).all() and (rows[:, -1] == SEP).all()
    np.testing.assert_array_equal(rows[:, 1:-1].ravel(), tokens["train"][: len(rows) * 14])


def test_sentence_rows_are_whole_sentences(prepared):
    tokens, tokenizer = prepared
    rows = data.sentence_rows(tokens["train"], tokenizer, 16)
    dot = tokenizer.token_to_id(".")
    sizes = (rows != PAD).sum(axis=1)
    assert (np.diff(sizes) >= 0).all() and sizes.min() >= 5 and sizes.max() <= 16
    for row, size in zip(rows[::97], sizes[::97], strict=True):
        assert row[0] == CLS and row[size - 1] == SEP and row[size - 2] == dot
        assert dot not in row[1 : size - 2]
    block = data.block_at(3, rows, 8, seed=1)
    assert block.shape[0] == 8 and (block != PAD).any(0).all()


def test_every_epoch_sees_every_row_once(prepared):
    rows = np.arange(40, dtype=np.uint16).reshape(20, 2)
    batches = [data.batch_at(p, rows, 5, seed=3) for p in range(0, 40, 5)]
    first, second = torch.cat(batches[:4]), torch.cat(batches[4:])
    assert sorted(first[:, 0].tolist()) == sorted(second[:, 0].tolist()) == rows[:, 0].tolist()
    assert first.tolist() != second.tolist()


def test_masking_is_80_10_10_of_a_fifth_and_spares_special_tokens():
    ids = torch.randint(0, 1000, (200, 100), generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(0)
    masked, chosen = data.mask_tokens(ids, 0.2, 1000, generator)
    assert not chosen[ids < len(SPECIAL)].any()
    assert torch.equal(masked[~chosen], ids[~chosen])
    share = chosen.float().sum() / (ids >= len(SPECIAL)).sum()
    assert share == pytest.approx(0.2, abs=0.01)
    assert (masked[chosen] == MASK).float().mean() == pytest.approx(0.8, abs=0.02)
    assert (masked[chosen] == ids[chosen]).float().mean() == pytest.approx(0.1, abs=0.02)
    assert masked.min() >= 0 and masked[chosen].min() >= MASK


@pytest.mark.parametrize("padded", [False, True])
def test_loss_equals_transformers_own(padded):
    torch.manual_seed(0)
    bert = model.build_model(120, 1, 32, 2, 32).eval()
    ids = torch.randint(5, 120, (6, 12))
    if padded:
        ids[2:, 9:] = PAD
    masked, chosen = data.mask_tokens(ids, 0.3, 120, torch.Generator().manual_seed(0))
    labels = ids.masked_fill(~chosen, -100)
    expected = bert(input_ids=masked, attention_mask=(ids != PAD).long(), labels=labels).loss
    loss, logits, targets = model.masked_loss(bert, masked, chosen, ids)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    assert len(logits) == len(targets) == chosen.sum()


def test_micro_batches_give_the_gradient_of_the_whole_batch():
    torch.manual_seed(0)
    bert = model.build_model(120, 1, 32, 2, 32)
    ids = torch.randint(5, 120, (8, 12))
    masked, chosen = data.mask_tokens(ids, 0.3, 120, torch.Generator().manual_seed(0))
    gradients = []
    for size in (8, 3):
        parts = list(zip(*(t.split(size) for t in (masked, chosen, ids)), strict=True))
        with torch.autocast("cpu", enabled=False), ThreadPoolExecutor(2) as pool:
            train.backward(bert, model.masked_loss, pool, parts)
        gradients.append(torch.cat([p.grad.flatten() for p in bert.parameters()]))
        bert.zero_grad()
    difference = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert difference < 0.02  # bfloat16 rounds differently in batches of another size


def test_schedule_rises_stays_and_falls_to_zero():
    factors = [train.schedule(p, 0.1, 0.5) for p in (0, 0.05, 0.1, 0.3, 0.5, 0.75, 1)]
    assert factors == pytest.approx([0, 0.5, 1, 1, 1, 0.5, 0])


def test_sinusoids_make_neighbours_alike_everywhere():
    table = model.sinusoid_table(64, 32)
    assert table.square().mean().item() == pytest.approx(1, abs=1e-3)
    one_apart = (table[1:] * table[:-1]).sum(1)
    assert one_apart.std() < 1e-3 * one_apart.mean()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_run_resumes_exactly(corpus, tmp_path, optimizer):
    options = ["--optimizer", optimizer, "--tokens", "6000", "--eval-every", "5"]
    whole = run(corpus, tmp_path / "whole", *options)
    run(corpus, tmp_path / "parts", *options, "--stop-after", "13")
    parts = run(corpus, tmp_path / "parts", *options)
    assert whole["state"]["step"] == parts["state"]["step"] > 13
    for name, weight in whole["model"].items():
        assert torch.equal(weight, parts["model"][name]), name
    resumed = [row for row in curve(tmp_path / "parts") if row["step"] != "13"]
    assert resumed == [row for row in curve(tmp_path / "whole")]


def test_training_learns_and_its_result_loads_by_name(corpus, tmp_path):
    run(corpus, tmp_path, "--tokens", "30000", "--lr", "3e-3", "--eval-every", "50")
    losses = [float(row["heldout_loss"]) for row in curve(tmp_path)]
    assert losses[-1] < np.log(120) - 1.5  # a model that knows nothing has log(vocabulary)
    with hub.quiet():
        stored_model = AutoModelForMaskedLM.from_pretrained(tmp_path / "model")
    assert stored_model.config.vocab_size == 120
    stored = (tmp_path / "model" / "model.safetensors").read_bytes()
    assert b'"F16"' in stored and b'"F32"' not in stored
    embeddings = encoders.load(str(tmp_path / "model")).encode(["the cat sat by the river"])
    assert embeddings.shape == (1, 32) and np.isfinite(embeddings).all()


def test_a_full_disk_leaves_the_last_checkpoint(corpus, tmp_path, full_disk):
    run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "1")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with full_disk(), pytest.raises(OSError, match="is the disk full|File too large"):
        run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "3")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    again = run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "3")
    assert again["state"]["step"] == 3


def test_a_lower_learning_rate_counts_when_a_run_goes_on(corpus, tmp_path):
    """It is what the message about a diverging loss asks for."""
    run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "3", "--lr", "1e-3", "--decay", "0")
    saved = run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "4", "--lr", "2e-5")
    rates = [group["lr"] for values in saved["optimizers"] for group in values["param_groups"]]
    assert 0 < max(rates) <= 2e-5


@pytest.mark.parametrize("option, value", [("--seq-len", "8"), ("--hidden", "16")])
def test_a_run_is_not_continued_as_another_one(corpus, tmp_path, option, value):
    run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "1")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    old = {"--seq-len": "16", "--hidden": "32"}[option]
    with pytest.raises(ValueError, match=f"started with {option} {old}: .*another --out"):
        run(corpus, tmp_path, "--tokens", "6000", option, value)
    other = tmp_path / "other.txt"
    other.write_text("another text\n", encoding="utf-8")
    with pytest.raises(ValueError, match="started with --text .*text.txt.xz"):
        run(other, tmp_path, "--tokens", "6000")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("step", ["tokenizer", "tokens", "curve"])
def test_an_interrupt_leaves_no_half_written_file(corpus, tmp_path, monkeypatch, step):
    """What was being written is written again by the next start."""

    def cut(path, _=None):
        path.write_bytes(b"{")
        raise KeyboardInterrupt

    class Cut:
        def save(self, path):
            cut(tmp_path / path)

    move = os.replace
    curve_file = tmp_path / "curve.csv"
    with monkeypatch.context() as patch:
        if step == "tokenizer":
            patch.setattr(data, "train_tokenizer", lambda *_: Cut())
        elif step == "tokens":
            patch.setattr(np, "save", lambda path, _: cut(path))
        else:
            run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "2", "--eval-every", "1")
            before = curve_file.read_bytes()

            def replace(old, new):
                return cut(old) if new == curve_file else move(old, new)

            patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "3")
        if step == "curve":
            assert curve_file.read_bytes() == before
    assert run(corpus, tmp_path, "--tokens", "6000", "--stop-after", "3")["state"]["step"] == 3
    assert json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))["batch"] == 8


@pytest.mark.parametrize("size", [5, 2**16 + 1])
def test_a_vocabulary_that_does_not_fit_is_refused(size):
    with pytest.raises(ValueError, match="from 6 to 65,536"):
        data.train_tokenizer(iter(["a text"]), size)


@pytest.mark.parametrize(
    "line, what",
    [("one short line", r"sequences of \d+ tokens"), ("word " * 40, "short sentences")],
)
def test_too_little_text_is_a_clear_error(tmp_path, line, what):
    text = tmp_path / "short.txt"
    text.write_text(f"{line}\n" * 250, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{what}.*give more text"):
        run(text, tmp_path / "out")


@pytest.mark.parametrize("part", ["loss", "gradient"])
def test_a_diverging_loss_stops_the_run_before_it_reaches_the_weights(
    corpus, tmp_path, monkeypatch, part
):
    run(corpus, tmp_path, "--tokens", "3000", "--stop-after", "2", "--save-every", "0")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    runs = []

    def broken(bert, *tensors):
        loss, logits, targets = original(bert, *tensors)
        # the root of 0 is 0, and its gradient is not a number
        bad = float("nan") if part == "loss" else (loss * 0).sqrt()
        return loss * bad if part == "loss" else loss + bad * 0, logits, targets

    original = model.masked_loss
    monkeypatch.setattr(train, "masked_loss", broken)
    monkeypatch.setattr(train.Run, "_resume", lambda self: (resume(self), runs.append(self)))
    with pytest.raises(FloatingPointError, match="lower --lr"):
        run(corpus, tmp_path, "--tokens", "3000", "--save-every", "0")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert all(weight.isfinite().all() for weight in runs[0].model.parameters())


resume = train.Run._resume
