"""How good is the course's small BERT? Three figures, recomputed from the weights: a command line.

    python -m course_utils.pretraining.report [--model FOLDER] [--text corpus.txt.xz]
    python -m course_utils.pretraining.report --curve [--model FOLDER] draws curve.csv as curve.svg

Held-out masked-word accuracy (needs the pre-training text), cloze sentences (right word among the
best five), and word senses (nearest centroid, leaving one out). The sentences are in
``assets/data/cloze.csv`` and ``senses.csv``; they were written before any prediction was seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from tokenizers import Tokenizer

from course_utils import datasets, masked
from course_utils.internal import tables
from course_utils.internal.hub import ASSETS
from course_utils.internal.svg import svg
from course_utils.plots import COLORS
from course_utils.pretraining import data
from course_utils.pretraining.model import evaluate
from course_utils.similarity import cosine_similarity

MODEL = ASSETS / "course-bert"
CURVE_COLUMNS = ("tokens", "sequence_length", "heldout_loss", "heldout_accuracy")
CURVE_TITLE = "Two curves over the tokens seen: held-out loss falls, held-out accuracy rises"
CURVE_STYLE = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11}


def cloze_results(source: str | Path = MODEL, top_k: int = 5) -> list[dict]:
    """For each cloze sentence: ``sentence``, ``answers``, the model's ``guesses``, ``right``."""
    rows = tables.read_csv(datasets.DATA / "cloze.csv", ("sentence", "answers"))
    results = []
    for row in rows:
        answers = row["answers"].split("|")
        guesses = [c.word for c in masked.fill_mask(row["sentence"], top_k, source)]
        right = bool(set(answers) & set(guesses))
        results.append(
            {"sentence": row["sentence"], "answers": answers, "guesses": guesses, "right": right}
        )
    return results


def word_vectors(rows: list[dict], source: str | Path = MODEL) -> np.ndarray:
    """Contextual vectors of each row's ``word`` in its ``sentence``: ``(layers + 1, n, dim)``.

    Layer 0 is the embedding before any attention. Raises ValueError when a sentence does not hold
    the word as one token of its own.
    """
    tokenizer, model = masked.load_masked_lm(source)
    states = []
    for row in rows:
        batch = tokenizer(row["sentence"], return_tensors="pt")
        wanted = tokenizer.convert_tokens_to_ids(row["word"])
        places = (batch["input_ids"][0] == wanted).nonzero().flatten()
        if wanted == tokenizer.unk_token_id or len(places) != 1:
            raise ValueError(f"{row['word']!r} must be one token, once, in {row['sentence']!r}")
        with torch.inference_mode():
            hidden = model.bert(**batch, output_hidden_states=True).hidden_states
        states.append(torch.stack([layer[0, places[0]] for layer in hidden]).numpy())
    return np.stack(states, axis=1)


def sense_accuracy(rows: list[dict], vectors: np.ndarray) -> float:
    """Share of words whose sense's centroid, without themselves, is the nearer by cosine.

    rows: ``word`` and ``sense``, two senses a word; vectors ``(n, dim)``. A tie counts half: a
    vector that knows nothing of its sentence scores 0.5.
    """
    words = np.array([row["word"] for row in rows])
    senses = np.array([row["sense"] for row in rows])
    scores = []
    for i in range(len(rows)):
        # the other sentences with this word, of the same sense and of the other one
        others = (words == words[i]) & (np.arange(len(rows)) != i)
        same = others & (senses == senses[i])
        different = others & (senses != senses[i])
        centroids = np.stack([vectors[same].mean(axis=0), vectors[different].mean(axis=0)])
        own, other = cosine_similarity(vectors[i : i + 1], centroids)[0]
        scores.append(0.5 if np.isclose(own, other, atol=1e-6) else float(own > other))
    return float(np.mean(scores))


def sense_accuracies(source: str | Path = MODEL) -> list[float]:
    """``sense_accuracy`` on the course's 144 sentences for each layer, the embedding first."""
    rows = tables.read_csv(datasets.DATA / "senses.csv", ("word", "sense", "sentence"))
    return [sense_accuracy(rows, layer) for layer in word_vectors(rows, source)]


def held_out(text: list[str], source: str | Path = MODEL, length: int = 128) -> dict:
    """``model.evaluate`` on all held-out lines of ``text``, 20 % of tokens masked.

    The held-out lines are every 200th, as in the training run.
    """
    _, model = masked.load_masked_lm(source)
    tokenizer = Tokenizer.from_file(str(Path(source) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    stream = data.token_stream(tokenizer, data.lines_of(text, heldout=True))
    return evaluate(model, data.sequences(stream, length), rate=0.2)


def draw_curve(folder: str | Path) -> Path:
    """Draw ``folder/curve.csv`` as ``folder/curve.svg``; returns that path.

    A dashed line is where the sequences became longer. Raises ValueError for fewer than two points,
    and the same errors as ``tables.read_csv``.
    """
    path = Path(folder) / "curve.svg"
    rows = tables.read_csv(path.with_suffix(".csv"), CURVE_COLUMNS)
    if len(rows) < 2:
        raise ValueError(f"a curve needs at least 2 points; {path.with_suffix('.csv')} has 1")
    tokens = [int(row["tokens"]) / 1e6 for row in rows]
    lengths = [row["sequence_length"] for row in rows]
    with plt.rc_context(CURVE_STYLE):
        fig, panels = plt.subplots(1, 2, figsize=(8.75, 3.65), layout="constrained")
        for ax, column in zip(panels, ("heldout_loss", "heldout_accuracy"), strict=True):
            values = [float(row[column]) for row in rows]
            ax.plot(tokens, values, color=COLORS["minilm"], linewidth=2, gid=column)
            ax.set(title=column.replace("heldout_", "held-out "), xlabel="million tokens")
            ax.set_xlim(left=0)
            ax.grid(axis="y", color=COLORS["decoration"])
            ax.spines[:].set_visible(False)
            ax.tick_params(color=COLORS["decoration"])
        longer = next((t for t, n in zip(tokens, lengths, strict=True) if n != lengths[0]), None)
        if longer is not None:
            words = f"dashed: sequences of {lengths[-1]} tokens from here, of {lengths[0]} before"
            for ax in panels:
                ax.axvline(longer, color=COLORS["text"], linestyle="--")
            fig.supxlabel(words, fontsize="medium", x=0.02, ha="left")
        path.write_text(svg(fig, CURVE_TITLE), encoding="utf-8", newline="\n")
    return path


def main(argv: list[str] | None = None) -> None:
    """The command line; ``argv`` as in ``sys.argv[1:]``."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.pretraining.report", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--model", default=str(MODEL))
    parser.add_argument("--text", nargs="+", help="the pre-training text, for the held-out figure")
    parser.add_argument("--length", type=int, default=128, help="tokens in a held-out sequence")
    parser.add_argument("--examples", type=int, default=12, help="cloze sentences to show")
    parser.add_argument("--curve", action="store_true", help="draw curve.csv, and nothing else")
    args = parser.parse_args(argv)
    if args.curve:
        print(f"drawn: {draw_curve(args.model)}")
        return
    cloze = cloze_results(args.model)
    print(f"cloze, right word in the top 5: {np.mean([r['right'] for r in cloze]):.3f}")
    for result in cloze[:: max(1, len(cloze) // max(1, args.examples))][: args.examples]:
        mark = "+" if result["right"] else "-"
        print(f"  {mark} {result['sentence']}  {' '.join(result['guesses'])}")
    senses = sense_accuracies(args.model)
    print(f"senses, by layer from the embedding up: {' '.join(f'{a:.3f}' for a in senses)}")
    if args.text:
        figures = held_out(args.text, args.model, args.length)
        print(
            f"held-out, {figures['predictions']:,} predictions at length {args.length}: accuracy "
            f"{figures['accuracy']:.3f}, of [MASK] alone {figures['accuracy_masked']:.3f}, "
            f"loss {figures['loss']:.3f}"
        )


if __name__ == "__main__":
    main()
