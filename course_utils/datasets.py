"""The course's data, and real data sets in the same shape: plain columns, checked when read.

    load_nli        premise, hypothesis, label (entailment, neutral, contradiction)
    load_sts        sentence1, sentence2, score (0 to 5)
    load_questions  group, text: the bank of questions; equal groups mean the same
    load_queries    text, group: new questions; an empty group has no match in the bank
    triplets        anchor, positive, negative, made from the others

Each returns a dictionary of equally long lists. ``source`` is "course" (the project's own
sentences, see assets/data/DATA.md), the path of a CSV file with the same columns, or a real
data set in one of the forms that ``internal.real_data`` reads (SICK, STS-B, SNLI, MultiNLI, Quora,
the hub).
"""

from __future__ import annotations

from pathlib import Path

from course_utils.internal import real_data, tables
from course_utils.internal.tables import read_csv as read_csv

DATA = Path(__file__).parent / "assets" / "data"
LABELS = real_data.LABELS
SPLITS = ("train", "dev", "test")


def load_nli(split: str | None = None, source: str | Path = "course") -> dict[str, list]:
    """Sentence pairs with a label of ``LABELS``: id, premise, hypothesis, label (and split).

    Raises FileNotFoundError, and ValueError naming file, line and remedy, as ``tables.read_csv``.
    """

    def check(row):
        if row["label"] not in LABELS:
            return f"unknown label {row['label']!r}; use one of {', '.join(LABELS)}"

    return _load("nli.csv", source, split, ("premise", "hypothesis"), ("label",), check)


def load_sts(split: str | None = None, source: str | Path = "course") -> dict[str, list]:
    """Sentence pairs with a similarity: id, sentence1, sentence2, score (float, 0 to 5)."""

    def check(row):
        try:
            row["score"] = float(row["score"])
        except ValueError:
            return f"score {row['score']!r} is not a number"
        if not 0 <= row["score"] <= 5:
            return f"score {row['score']} is outside 0 to 5"

    return _load("sts.csv", source, split, ("sentence1", "sentence2"), ("score",), check)


def load_questions(source: str | Path = "course") -> dict[str, list]:
    """The bank of questions: id, group, text. Reads Quora's question pairs, too."""
    if source != "course" and Path(source).suffix == ".tsv":
        rows = real_data.quora_groups(real_data.read_tabs(Path(source)))
        return {column: [row[column] for row in rows] for column in ("id", "group", "text")}
    return _load("questions.csv", source, None, ("group", "text"), ())


def load_queries(source: str | Path = "course") -> dict[str, list]:
    """New questions: id, text, group; ``group`` is empty where the bank has no match."""
    return _load("queries.csv", source, None, ("text",), ("group",))


def select(columns: dict[str, list], keep) -> dict[str, list]:
    """The rows for which ``keep(row)`` is true, ``row`` a dictionary: columns again.

    >>> select({"n": [1, 2, 3]}, lambda row: row["n"] > 1)
    {'n': [2, 3]}
    """
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    rows = [row for row in rows if keep(row)]
    return {name: [row[name] for row in rows] for name in columns}


def triplets(split: str | None = "train", source: str | Path = "course") -> dict[str, list]:
    """Anchor, positive, negative from NLI: premise, its entailment, its contradiction.

    Premises that lack either are left out; a premise with several gives the first of each.
    """
    nli = load_nli(split, source)
    found: dict[str, dict[str, str]] = {}
    for premise, hypothesis, label in zip(
        nli["premise"], nli["hypothesis"], nli["label"], strict=True
    ):
        found.setdefault(premise, {}).setdefault(label, hypothesis)
    whole = {p: h for p, h in found.items() if "entailment" in h and "contradiction" in h}
    return {
        "anchor": list(whole),
        "positive": [hypotheses["entailment"] for hypotheses in whole.values()],
        "negative": [hypotheses["contradiction"] for hypotheses in whole.values()],
    }


def question_triplets() -> dict[str, list]:
    """Anchor, positive, negative from the course's bank: a question, another phrasing, a near-miss.

    The negative shares most of its words with the anchor, but needs another answer.
    """
    bank = load_questions()
    place = {name: i for i, name in enumerate(bank["id"])}
    members: dict[str, list[str]] = {}
    for group, text in zip(bank["group"], bank["text"], strict=True):
        members.setdefault(group, []).append(text)
    found = []
    for row in tables.read_csv(DATA / "near_misses.csv", ("id_a", "id_b")):
        for one, other in ((row["id_a"], row["id_b"]), (row["id_b"], row["id_a"])):
            anchor, negative = bank["text"][place[one]], bank["text"][place[other]]
            others = [text for text in members[bank["group"][place[one]]] if text != anchor]
            found += [(anchor, positive, negative) for positive in others]
    names = ("anchor", "positive", "negative")
    return {
        name: list(column) for name, column in zip(names, zip(*found, strict=True), strict=True)
    }


def _load(name, source, split, texts, others, check=lambda row: None) -> dict[str, list]:
    """Read, check and turn into columns; texts must not be empty, ids not repeat."""
    path = DATA / name if source == "course" else Path(source)
    if split is not None and split not in SPLITS:
        raise ValueError(
            f"unknown split {split!r}; choose among {', '.join(SPLITS)}, or None for all"
        )
    required = (*texts, *others, *(("split",) if split else ()))
    if source == "course" or real_data.is_plain_csv(path):
        rows, seen = tables.read_csv(path, required), {}
    else:
        rows, seen = real_data.read(source, (*texts, *others), split), {}
    for row in rows:
        empty = [column for column in texts if not row[column].strip()]
        problem = f"empty {empty[0]}; fill it or drop the line" if empty else check(row)
        if not problem and "split" in row and row["split"] not in SPLITS:
            problem = f"unknown split {row['split']!r}; use one of {', '.join(SPLITS)}"
        if not problem and "id" in row and seen.setdefault(row["id"], row["line"]) != row["line"]:
            problem = f"id {row['id']!r} stands in line {seen[row['id']]} already; make ids unique"
        if problem:
            raise ValueError(f"{path}, line {row['line']}: {problem}")
    names = [c for c in ("id", *texts, *others, "split") if c in rows[0]]
    return {c: [row[c] for row in rows if not split or row["split"] == split] for c in names}
