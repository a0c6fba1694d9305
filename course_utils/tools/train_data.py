"""What the recorded trainings learn from: the course's sentences, or a published data set.

A data set is known by its columns, as all-NLI, STS-B and Quora's questions have them on the hub
(``sentence-transformers/all-nli`` and its like), or in a folder in one of the forms that
``internal.real_data`` reads.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from course_utils import datasets
from course_utils.internal import real_data, tables

# The columns of each published form, and how it is called below.
FORMS = {
    "labels": ("premise", "hypothesis", "label"),
    "triplets": ("anchor", "positive", "negative"),
    "pairs": ("anchor", "positive"),
    "grades": ("sentence1", "sentence2", "score"),
    "duplicates": ("sentence1", "sentence2", "label"),
}


def training_data(source: str = "course", scale: Sequence[float] | None = None) -> dict[str, list]:
    """The rows that each objective learns from, by objective.

    source: "course" for the course's sentences, else a folder, file or hub name: then only those
    objectives that this data set can serve. scale: the lowest and highest grade, where the source
    does not say it. Raises FileNotFoundError, and ValueError that says what to do.
    """
    if source == "course":
        found = from_labels("train", source) | from_grades("train", source, None)
        return {name: found[name] for name in ("NLI", "STS", "triplets", "in-batch")}
    form, split = form_of(source)
    if form == "labels":
        return from_labels(split, source)
    if form == "grades":
        return from_grades(split, source, tuple(scale) if scale else None)
    if form == "duplicates":
        return {"in-batch": question_pairs(datasets.load_questions(source, split))}
    columns = datasets.load_triplets(split, source, negatives=form == "triplets")
    rows = list(zip(*(columns[name] for name in FORMS[form]), strict=True))
    # rows of one batch must differ in meaning, so each anchor is taken once, its first row
    rows = list({row[0]: row for row in reversed(rows)}.values())[::-1]
    return {"triplets": rows, "in-batch": rows} if form == "triplets" else {"in-batch": rows}


def from_labels(split: str | None, source: str) -> dict[str, list]:
    """NLI's labelled pairs, and the triplets that they make."""
    nli = datasets.load_nli(split, source)
    numbers = [datasets.LABELS.index(label) for label in nli["label"]]
    triplets = list(zip(*datasets.triplets(split, source).values(), strict=True))
    found = {"NLI": list(zip(nli["premise"], nli["hypothesis"], numbers, strict=True))}
    # pairs of which no premise has both an entailment and a contradiction make no triplet
    return found | ({"triplets": triplets, "in-batch": triplets} if triplets else {})


def from_grades(split: str | None, source: str, scale) -> dict[str, list]:
    """Pairs with a grade from 0 to 5."""
    sts = datasets.load_sts(split, source, scale)
    return {"STS": list(zip(sts["sentence1"], sts["sentence2"], sts["score"], strict=True))}


def form_of(source: str) -> tuple[str, str | None]:
    """Which of ``FORMS`` a data set has, and "train" where it says which rows are for training.

    Raises ValueError for other columns, and when no rows are for training.
    """
    rows = raw_rows(source)
    columns = set(rows[0]) if rows else set()
    split = "train" if "split" in columns else None
    for form, needed in FORMS.items():
        if set(needed) <= columns:
            return form, split
    forms = "; ".join(", ".join(needed) for needed in FORMS.values())
    raise ValueError(
        f"{source} has the columns {', '.join(sorted(columns - {'line'})) or 'of nothing'}: the "
        f"trainings know {forms}. Rename the columns, or name the folder of one form "
        "(all-nli has triplet, pair, pair-class and pair-score)"
    )


def raw_rows(source: str) -> list[dict]:
    """The rows of a data set as they are, under their own names."""
    path = Path(source)
    if real_data.is_plain_csv(path):
        return tables.read_csv(path, ())
    return real_data.read_raw(source, None)


def groups_of(bank: dict[str, list]) -> dict[str, list[str]]:
    """The texts of each group of questions, without singles."""
    groups: dict[str, list[str]] = {}
    for group, text in zip(bank["group"], bank["text"], strict=True):
        if group:
            groups.setdefault(group, []).append(text)
    return {group: texts for group, texts in groups.items() if len(texts) > 1}


def question_pairs(bank: dict[str, list]) -> list[tuple[str, str]]:
    """One pair of each group, so that no two rows of a batch mean the same."""
    return [(texts[0], texts[1]) for texts in groups_of(bank).values()]


def question_triplets(split: str = "train", seed: int = 0) -> list[tuple[str, str, str]]:
    """Two questions with one meaning, and another of the same topic, from groups of three."""
    bank = datasets.load_questions(split=split)
    topics: dict[str, list[str]] = {}
    for group, text in zip(bank["group"], bank["text"], strict=True):
        topics.setdefault(group.split("-")[0], []).append(text)
    dice = random.Random(seed)
    rows = []
    for group, texts in groups_of(bank).items():
        others = [text for text in topics[group.split("-")[0]] if text not in texts]
        if len(texts) == 3:
            a, b, c = texts
            rows += [(*pair, dice.choice(others)) for pair in ((a, b), (b, c), (c, a))]
    return rows
