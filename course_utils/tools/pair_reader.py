"""Train a small pair-reader (cross-encoder) from course-bert, and see whether it re-ranks well.

    python -m course_utils.tools.pair_reader [--groups 189] [--seed 0]

For each query of a group of the train split it must choose the text that asks the same among four:
one of its group and the three nearest wrong ones by MiniLM. Then it reads MiniLM's ten best texts
of the test queries. A line with what came out is added to ``assets/pair_reader.csv``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from course_utils import datasets, encoders, similarity

RECORD = Path(__file__).parents[1] / "assets" / "pair_reader.csv"
COLUMNS = ("pairs", "seed", "queries", "minilm", "reader", "both", "among_ten")


def scores(encoder, head, pairs: list[tuple[str, str]]) -> torch.Tensor:
    """One number for each pair, read together as ``[CLS] one [SEP] other [SEP]``: ``(n,)``."""
    cut = {"truncation": True, "max_length": 96}
    batch = encoder.tokenizer(*map(list, zip(*pairs, strict=True)), padding=True, **cut)
    batch = {name: torch.tensor(values) for name, values in batch.items()}
    return head(encoder.pool(batch)).squeeze(-1)


def choices(minilm, n_groups: int, rng) -> list[list[tuple[str, str]]]:
    """For each query four pairs, the right one first."""
    bank = datasets.load_questions(split="train")
    groups = np.array(bank["group"])
    vectors = similarity.normalize(minilm.encode(bank["text"]))
    names, counts = np.unique(groups, return_counts=True)
    found = []
    for name in rng.permutation(names[counts == 3])[:n_groups]:
        rows = np.flatnonzero(groups == name)
        for query, same in zip(rows, np.roll(rows, 1), strict=True):
            # the nearest of other groups: hard negatives
            near = np.argsort(-(vectors @ vectors[query]), kind="stable")
            wrong = [row for row in near[:8] if groups[row] != name][:3]
            texts = [bank["text"][row] for row in (same, *wrong)]
            found.append([(bank["text"][query], text) for text in texts])
    return [found[i] for i in rng.permutation(len(found))]


def train(rows: list, seed: int):
    """course-bert and a head, trained in one pass over ``rows``, eight queries a step."""
    torch.manual_seed(seed)
    encoder = encoders.load("course-bert")
    head = torch.nn.Linear(encoder.dim, 1)
    groups = [
        {"params": encoder.model.parameters(), "lr": 2e-4},
        {"params": head.parameters(), "lr": 2e-3},
    ]
    optimizer = torch.optim.AdamW(groups)
    encoder.model.train()
    for start in range(0, len(rows), 8):
        batch = rows[start : start + 8]
        # four scores for each query, the right one first: (8 * 4,) -> (8, 4)
        table = scores(encoder, head, [pair for row in batch for pair in row]).reshape(-1, 4)
        loss = torch.nn.functional.cross_entropy(table, torch.zeros(len(batch), dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if start % 400 == 0:
            print(f"{start:5} of {len(rows)} queries, loss {loss.item():.2f}", flush=True)
    encoder.model.eval()
    return encoder, head


@torch.no_grad()
def measure(minilm, encoder, head, n_queries: int) -> dict:
    """Recall@1 of MiniLM, of the reader among its ten best, and of both added."""
    bank = datasets.load_questions()
    queries = datasets.select(datasets.load_queries(), lambda row: row["group"])
    texts, groups = queries["text"][:n_queries], np.array(queries["group"][:n_queries])
    cosines = similarity.cosine_similarity(minilm.encode(texts), minilm.encode(bank["text"]))
    ten = np.argsort(-cosines, axis=1, kind="stable")[:, :10]
    right = np.array(bank["group"])[ten] == groups[:, None]
    read = np.stack(
        [
            scores(encoder, head, [(text, bank["text"][row]) for row in rows]).numpy()
            for text, rows in zip(texts, ten, strict=True)
        ]
    )
    close = np.take_along_axis(cosines, ten, axis=1)
    # the weight of the reader's score is chosen on every second query, and used on the others
    weights = [0, 0.003, 0.01, 0.02, 0.05, 0.1]

    def found(score, rows):
        return float(np.take_along_axis(right, score.argmax(axis=1)[:, None], 1)[rows].mean())

    chosen = max(weights, key=lambda w: found(close + w * read, slice(0, None, 2)))
    half = slice(1, None, 2)
    return {
        "queries": len(texts[half]),
        "minilm": round(found(close, half), 3),
        "reader": round(found(read, half), 3),
        "both": round(found(close + chosen * read, half), 3),
        "among_ten": round(float(right[half].any(axis=1).mean()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=756)
    parser.add_argument("--queries", type=int, default=816)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    minilm = encoders.load("minilm")
    rows = choices(minilm, options.groups, np.random.default_rng(options.seed))
    encoder, head = train(rows, options.seed)
    result = {"pairs": 4 * len(rows), "seed": options.seed}
    result |= measure(minilm, encoder, head, options.queries)
    print(result)
    new = not RECORD.exists()
    with RECORD.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(result)


if __name__ == "__main__":
    main()
