"""How good is the course's small BERT? Three figures, recomputed from the weights: a command line.

    python -m course_utils.pretraining.report [--model FOLDER] [--text corpus.txt.xz]
    python -m course_utils.pretraining.report --curve [--model FOLDER] draws curve.csv as curve.svg

Held-out masked-word accuracy (needs the pre-training text), cloze sentences (right word among the
best five), and word senses (nearest centroid, leaving one out). The sentences stand in
``assets/data/cloze.csv`` and ``senses.csv``; they were written before any prediction was seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from course_utils import datasets, masked
from course_utils.internal import tables
from course_utils.internal.hub import ASSETS
from course_utils.pretraining import curve, data, train

MODEL = ASSETS / "course-bert"


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
    import torch

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
    from course_utils.similarity import cosine_similarity

    words, senses = (np.array([row[column] for row in rows]) for column in ("word", "sense"))
    scores = []
    for i in range(len(rows)):
        others = (words == words[i]) & (np.arange(len(rows)) != i)
        centroids = np.stack(
            [
                vectors[others & ((senses == senses[i]) == same)].mean(axis=0)
                for same in (True, False)
            ]
        )
        own, other = cosine_similarity(vectors[i : i + 1], centroids)[0]
        scores.append(0.5 if np.isclose(own, other, atol=1e-6) else float(own > other))
    return float(np.mean(scores))


def sense_accuracies(source: str | Path = MODEL) -> list[float]:
    """``sense_accuracy`` on the course's 144 sentences for each layer, the embedding first."""
    rows = tables.read_csv(datasets.DATA / "senses.csv", ("word", "sense", "sentence"))
    return [sense_accuracy(rows, layer) for layer in word_vectors(rows, source)]


def held_out(text: list[str], source: str | Path = MODEL, length: int = 128) -> dict:
    """``pretraining.evaluate`` on all held-out lines of ``text``, 20 % of tokens masked.

    The held-out lines are every 200th, as in the training run.
    """
    from tokenizers import Tokenizer

    _, model = masked.load_masked_lm(source)
    tokenizer = Tokenizer.from_file(str(Path(source) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    every = data.HELD_OUT_EVERY
    lines = (line for i, line in enumerate(data.read_lines(text)) if i % every == every - 1)
    rows = data.sequences(data.pack(tokenizer, lines), length)
    return train.evaluate(model, rows, rate=0.2)


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
        print(f"drawn: {curve.draw(args.model)}")
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
