"""The recorded trainings: every objective at doubling amounts of data, and course-sbert.

    python -m course_utils.tools.train                      scaling.csv: what is missing in it
    python -m course_utils.tools.train --encoder            course-sbert, trained in sequence
    python -m course_utils.tools.train --data sentence-transformers/all-nli:triplet --to mine.csv
                                                            the same on a published data set

Writes ``assets/scaling.csv``, a row for each training with what it gained on the test sets, and
``assets/course-sbert``. Each row is stored as soon as it is known, so a run that was stopped goes
on where it stopped; rows of other data or other weights are dropped. On CPU or CUDA.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import silhouette_score

from course_utils import datasets, encoders, evaluation, objectives, training
from course_utils.similarity import cosine_similarity, pairwise_cosine
from course_utils.tools.train_data import question_triplets, training_data

SCALING = encoders.ASSETS / "scaling.csv"
SBERT = encoders.ASSETS / "course-sbert"
SEEDS = (0, 1, 2)
SHARES = (1 / 16, 1 / 4, 1)  # of an objective's data
MOST = 12_000  # rows of an objective
MEASURES = ("graded", "hard", "triplets", "recall_at_1", "silhouette", "labels")
HEADER = ("objective", "rows", "seed", *MEASURES, "made_with")
# Chosen on the dev sets: learning rate, epochs and batch size of each objective.
OPTIONS = {
    "NLI": {"lr": 2e-4, "epochs": 1, "batch_size": 32},
    "STS": {"lr": 2e-4, "epochs": 2, "batch_size": 32},
    "triplets": {"lr": 2e-4, "epochs": 1, "batch_size": 32},
    "in-batch": {"lr": 5e-4, "epochs": 1, "batch_size": 64},
}


# ---- one training --------------------------------------------------------------------------------


def loss_function(objective: str, encoder, head):
    """What is minimised: a function of a batch's columns, as ``training.train`` calls it."""

    def nli(premises, hypotheses, labels):
        u, v = encoder.embed(premises, hypotheses)
        return objectives.nli_loss(u, v, torch.tensor(labels, device=u.device), head)

    def sts(sentences1, sentences2, scores):
        u, v = encoder.embed(sentences1, sentences2)
        return objectives.sts_loss(u, v, torch.tensor(scores, device=u.device) / 5)

    def triplet(anchors, positives, negatives):
        return objectives.triplet_loss(*encoder.embed(anchors, positives, negatives), margin=3)

    def in_batch(*columns):
        return objectives.in_batch_loss(*encoder.embed(*columns))

    return {"NLI": nli, "STS": sts, "triplets": triplet, "in-batch": in_batch}[objective]


def train_on(encoder, objective: str, rows: list[tuple], seed: int, **options):
    """Train all weights of ``encoder`` on ``rows``; returns the NLI head, else None."""
    options = OPTIONS[objective] | options
    rate = options.pop("lr")
    groups = [{"params": list(encoder.model.parameters()), "lr": rate}]
    head = None
    if objective == "NLI":
        # the head starts from random numbers, so it gets ten times the rate
        torch.manual_seed(seed)
        head = objectives.nli_head(encoder.dim).to(encoder.model.device)
        groups.append({"params": list(head.parameters()), "lr": 10 * rate})
    loss = loss_function(objective, encoder, head)
    training.train(loss, list(zip(*rows, strict=True)), groups, seed=seed, **options)
    return head


# ---- what it gained ------------------------------------------------------------------------------


class Yardstick:
    """The test sets, read once: sentences that no training saw."""

    def __init__(self):
        self.graded = datasets.load_sts("test")
        self.hard = datasets.load_sts(source="hard")
        self.triplets = datasets.triplets("test")
        self.nli = datasets.load_nli("test")
        self.bank = datasets.load_questions()
        self.queries = datasets.select(datasets.load_queries(), lambda row: row["group"])

    def measure(self, encoder, head=None) -> dict[str, float]:
        """Every measure of ``MEASURES`` for one encoder; ``labels`` only with an NLI head."""
        places, silhouette = self._search(encoder)
        return {
            "graded": self._spearman(encoder, self.graded),
            "hard": self._spearman(encoder, self.hard),
            "triplets": evaluation.triplet_accuracy(
                *(encoder.encode(texts) for texts in self.triplets.values())
            ),
            "recall_at_1": evaluation.recall_at_k(places, 1),
            "silhouette": silhouette,
            "labels": self._labels(encoder, head) if head is not None else np.nan,
        }

    @staticmethod
    def _spearman(encoder, pairs) -> float:
        u, v = encoder.encode(pairs["sentence1"]), encoder.encode(pairs["sentence2"])
        return evaluation.spearman(pairwise_cosine(u, v), pairs["score"])

    def _search(self, encoder) -> tuple[np.ndarray, float]:
        """Ranks of the right questions in the bank, and the silhouette of the kept-out groups."""
        stored = encoder.encode(self.bank["text"])
        cosines = cosine_similarity(encoder.encode(self.queries["text"]), stored)
        places = evaluation.rank_of_first_hit(cosines, self.bank["group"], self.queries["group"])
        # groups of three that no training saw
        sizes = {group: self.bank["group"].count(group) for group in set(self.queries["group"])}
        kept = [i for i, group in enumerate(self.bank["group"]) if sizes.get(group) == 3]
        groups = [self.bank["group"][i] for i in kept]
        return places, float(silhouette_score(stored[kept], groups, metric="cosine"))

    def _labels(self, encoder, head) -> float:
        u = torch.from_numpy(encoder.encode(self.nli["premise"]))
        v = torch.from_numpy(encoder.encode(self.nli["hypothesis"]))
        with torch.inference_mode():
            guessed = head.cpu()(objectives.nli_features(u, v)).argmax(dim=1)
        gold = [datasets.LABELS.index(label) for label in self.nli["label"]]
        return float((guessed.numpy() == np.array(gold)).mean())


# ---- the table -----------------------------------------------------------------------------------


def made_with(data: dict[str, list[tuple]], start: str = "course-bert") -> str:
    """Twelve digits that change with the data, the options or the weights trained from."""
    digest = hashlib.sha256(repr((sorted(data.items()), OPTIONS)).encode())
    if start == "course-bert":
        digest.update((encoders.ASSETS / start / "model.safetensors").read_bytes())
    else:
        digest.update(encoders.load(start).fingerprint.encode())
    return digest.hexdigest()[:12]


def stored_rows(path: Path, mark: str) -> list[dict]:
    """The rows of ``path`` that were made with the present data and weights."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["made_with"] == mark]


def store(path: Path, rows: list[dict]) -> None:
    """Replace ``path`` in one step, so that a stop in the middle loses nothing."""
    new = path.with_name(f".{path.name}.tmp")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(new, path)


def wanted(data: dict[str, list[tuple]], most: int = MOST) -> list[tuple[str, int, int]]:
    """``(objective, rows, seed)`` of every training; 0 rows of "none" is the untrained encoder."""
    runs = [("none", 0, 0)]
    for seed in SEEDS:
        for share in SHARES:
            sizes = {name: max(1, round(min(len(x), most) * share)) for name, x in data.items()}
            runs += [(name, size, seed) for name, size in sizes.items()]
    return runs


def scaling(
    data: dict[str, list[tuple]],
    path: Path,
    device: str,
    start: str = "course-bert",
    most: int = MOST,
) -> None:
    """Run the trainings that ``path`` lacks, storing each."""
    mark, yardstick = made_with(data, start), Yardstick()
    rows = stored_rows(path, mark)
    known = {(row["objective"], int(row["rows"]), int(row["seed"])) for row in rows}
    for objective, size, seed in wanted(data, most):
        if (objective, size, seed) in known:
            continue
        print(f"{objective}: {size} rows, seed {seed}", file=sys.stderr, flush=True)
        encoder, head = encoders.load(start), None
        encoder.model.to(device)
        if size:
            chosen = random.Random(seed).sample(data[objective], size)
            head = train_on(encoder, objective, chosen, seed)
        found = {name: f"{x:.4f}" for name, x in yardstick.measure(encoder, head).items()}
        rows.append(
            {"objective": objective, "rows": size, "seed": seed, **found, "made_with": mark}
        )
        store(path, rows)


# ---- course-sbert --------------------------------------------------------------------------------


def in_sequence(
    data: dict[str, list[tuple]], seed: int, device: str, start: str = "course-bert"
) -> encoders.TransformerEncoder:
    """One encoder through the objectives: labels, then triplets and questions, then grades.

    What ``data`` lacks is taken from the course.
    """
    data = training_data() | data
    encoder = encoders.load(start)
    encoder.model.to(device)
    dice = random.Random(seed)
    # a pair without a negative can share no batch with triplets
    questions = question_triplets(seed=seed)
    if len(data["in-batch"][0]) == 2:
        questions = [row[:2] for row in questions]
    train_on(encoder, "NLI", dice.sample(data["NLI"], min(6000, len(data["NLI"]))), seed)
    train_on(encoder, "in-batch", data["in-batch"] + questions, seed, epochs=2)
    train_on(encoder, "STS", data["STS"], seed)
    return encoder


# ---- the command ---------------------------------------------------------------------------------


def check_folder(folder: Path) -> None:
    """FileExistsError, before an hour of training, for a folder that is taken."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is taken: name another folder with --to")


def check_table(path: Path, mark: str | None) -> None:
    """FileExistsError where storing would destroy something: another file, or rows of other data.

    mark: of the present data; None for the course's own table, whose old rows are dropped.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent}: make it first")
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder: name a file with --to, such as mine.csv")
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        right = tuple(table.fieldnames or ()) == HEADER
        if not right or any(mark not in (None, row["made_with"]) for row in table):
            raise FileExistsError(
                f"{path} holds something else, or trainings on other data: name another file "
                "with --to"
            )


def read_options(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, dict]:
    """The command's options and its data; ends with a message where something does not fit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--encoder", action="store_true", help="train course-sbert")
    add("--data", default="course", help="a data set in a published form: a folder or hub name")
    add("--scale", nargs=2, type=float, help="the lowest and the highest grade of --data")
    add("--start", default="course-bert", help="the encoder to train: a name or a folder")
    add("--most", type=int, default=MOST, help="rows of an objective, at most")
    add("--seed", type=int, default=0, help="of course-sbert")
    add("--to", type=Path, help="where the result goes")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    own = options.data == "course" and options.start == "course-bert" and options.most == MOST
    if not own and not options.to:
        parser.error("say with --to where the result goes: the course's own files stay as they are")
    options.to = options.to or (SBERT if options.encoder else SCALING)
    try:
        data = training_data(options.data, options.scale)
        if options.encoder:
            check_folder(options.to)
        else:
            check_table(options.to, None if own else made_with(data, options.start))
    except (OSError, ValueError) as error:
        hint = " (here: --scale 0 1)" if "scale=(0, 1)" in str(error) else ""
        parser.error(f"{error}{hint}")
    return options, data


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: the table, or with ``--encoder`` the encoder."""
    options, data = read_options(arguments)
    if not options.encoder:
        scaling(data, options.to, options.device, options.start, options.most)
        return
    encoder = in_sequence(data, options.seed, options.device, options.start)
    encoder.model.to("cpu", torch.float16)
    print(encoder.save(options.to))


if __name__ == "__main__":
    main()
