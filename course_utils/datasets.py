"""The course's data, and real data sets in the same shape: plain columns, checked when read.

    load_nli        premise, hypothesis, label (entailment, neutral, contradiction)
    load_sts        sentence1, sentence2, score (0 to 5)
    load_questions  group, text: the bank of questions; equal groups mean the same
    load_queries    text, group: new questions; an empty group has no match in the bank
    load_triplets   anchor, positive, negative of a data set that has them
    triplets        anchor, positive, negative, made from NLI

Each returns a dictionary of equally long lists; ``split`` is one of them where the source has it.
``source`` is "course" (the project's own sentences, see assets/data/DATA.md), "hard" (the course's
harder ones, where there are some), the path of a CSV file with the same columns, or a real data
set in one of the forms that ``internal.real_data`` reads (SICK, STS-B, SNLI, MultiNLI, Quora, a
folder or a name of the hub).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from course_utils.internal import quora, real_data, tables
from course_utils.internal.scores import Scores
from course_utils.internal.tables import read_csv as read_csv

DATA = Path(__file__).parent / "assets" / "data"
LABELS = real_data.LABELS
SPLITS = ("train", "dev", "test")
OWN = ("course", "hard")  # names of the course's own files


def load_nli(split: str | None = None, source: str | Path = "course") -> dict[str, list]:
    """Sentence pairs with a label of ``LABELS``: id, premise, hypothesis, label (and split).

    Raises FileNotFoundError, and ValueError that names file, line and what to do.
    """

    def check(row):
        if row["label"] not in LABELS:
            return f"unknown label {row['label']!r}; use one of {', '.join(LABELS)}"

    return _load("nli.csv", source, split, ("premise", "hypothesis"), ("label",), check)


def load_sts(
    split: str | None = None,
    source: str | Path = "course",
    scale: tuple[float, float] | None = None,
) -> dict[str, list]:
    """Sentence pairs with a similarity: id, sentence1, sentence2, score (float, 0 to 5).

    scale: the lowest and the highest score of the source; what is read is brought to 0 to 5.
    Without it the source must say it: SICK has 1 to 5, STS-Benchmark 0 to 5, the hub's
    ``sentence-transformers/stsb`` 0 to 1. Raises the same errors as ``load_nli``, and ValueError
    when no score is above 1 and nothing says which scale it is.
    """
    scores = Scores(source, (0, 5) if source in OWN else scale)
    texts = ("sentence1", "sentence2")
    found = _load("sts.csv", source, split, texts, ("score",), scores.check)
    scores.check_scale()
    return found


def load_questions(source: str | Path = "course", split: str | None = None) -> dict[str, list]:
    """The bank of questions: id, group, text (and split). Reads Quora's question pairs, too."""
    _check_split(split)
    pairs = None if source in OWN else real_data.read_question_pairs(source, split)
    if pairs is None:
        return _load("questions.csv", source, split, ("group", "text"), ())
    rows = quora.groups(pairs)
    return {column: [row[column] for row in rows] for column in ("id", "group", "text")}


def load_queries(source: str | Path = "course") -> dict[str, list]:
    """New questions: id, text, group; ``group`` is empty where the bank has no match."""

    def check(row):
        row["group"] = "" if row["group"] is None else row["group"]
        if not isinstance(row["group"], str):
            return f"group {row['group']!r} is not a text; groups are compared as texts"

    return _load("queries.csv", source, None, ("text",), ("group",), check)


def load_triplets(split: str | None, source: str | Path, negatives: bool = True) -> dict[str, list]:
    """Triplets of a data set that has them, such as all-NLI's folder ``triplet``; or mere pairs."""
    if source in OWN:
        raise ValueError("the course's triplets are made from NLI: use datasets.triplets()")
    sides = ("anchor", "positive", "negative") if negatives else ("anchor", "positive")
    return _load("", source, split, sides, ())


def select(columns: dict[str, list], keep) -> dict[str, list]:
    """The rows for which ``keep(row)`` is true, ``row`` a dictionary: columns again.

    >>> select({"n": [1, 2, 3]}, lambda row: row["n"] > 1)
    {'n': [2, 3]}
    """
    # one dictionary for each row
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    rows = [row for row in rows if keep(row)]
    # and back to one list for each column
    return {name: [row[name] for row in rows] for name in columns}


def triplets(split: str | None = "train", source: str | Path = "course") -> dict[str, list]:
    """Anchor, positive, negative from NLI: premise, its entailment, its contradiction.

    Premises that lack either are left out; a premise with several gives the first of each.
    """
    nli = load_nli(split, source)
    # for each premise the first hypothesis of each label
    found: dict[str, dict[str, str]] = {}
    for premise, hypothesis, label in zip(
        nli["premise"], nli["hypothesis"], nli["label"], strict=True
    ):
        found.setdefault(premise, {}).setdefault(label, hypothesis)
    # only premises that have both
    whole = {p: h for p, h in found.items() if "entailment" in h and "contradiction" in h}
    return {
        "anchor": list(whole),
        "positive": [hypotheses["entailment"] for hypotheses in whole.values()],
        "negative": [hypotheses["contradiction"] for hypotheses in whole.values()],
    }


def _check_split(split: str | None) -> None:
    """ValueError unless it is a split of the course, or None for all."""
    if split is not None and split not in SPLITS:
        raise ValueError(
            f"unknown split {split!r}; choose among {', '.join(SPLITS)}, or None for all"
        )


def _path(name: str, source: str | Path) -> Path:
    """Where the source is: a file of the course, or what the reader named."""
    if source == "hard":
        name = name.replace(".csv", "_hard.csv")
    return DATA / name if source in OWN else Path(source)


def _load(
    name: str,
    source: str | Path,
    split: str | None,
    texts: tuple[str, ...],
    others: tuple[str, ...],
    check: Callable[[dict], str | None] = lambda row: None,
) -> dict[str, list]:
    """Read the rows of a source, check each, and turn them into columns.

    texts: columns that must not be empty; others: more columns; check: what is wrong with a row.
    """
    _check_split(split)
    # read all rows, whatever the format
    path = _path(name, source)
    if source in OWN or real_data.is_plain_csv(path):
        needed = ("split",) if split else ()
        rows = tables.read_csv(path, (*texts, *others, *needed))
    else:
        rows = real_data.read(source, (*texts, *others), split)
    # check every row, also those of other splits
    _check_splits_and_ids(path, rows)
    for row in rows:
        if problem := _text_problem(row, texts) or check(row):
            raise ValueError(f"{path}, line {row['line']}: {problem}")
    # keep the split that was asked for, and turn rows into columns
    names = [column for column in ("id", *texts, *others, "split") if column in rows[0]]
    rows = [row for row in rows if split is None or row["split"] == split]
    return {column: [row[column] for row in rows] for column in names}


def _check_splits_and_ids(path: Path, rows: list[dict]) -> None:
    """ValueError for a split that is unknown or missing in some rows, and for an id used twice."""
    has_split = any("split" in row for row in rows)
    # id -> the line where it was first seen
    lines: dict[str, int] = {}
    for row in rows:
        place = f"{path}, line {row['line']}"
        split = row.get("split")
        if has_split and split not in SPLITS:
            raise ValueError(f"{place}: unknown split {split!r}; use one of {', '.join(SPLITS)}")
        first = lines.setdefault(row.get("id"), row["line"])
        if "id" in row and first != row["line"]:
            raise ValueError(
                f"{place}: id {row['id']!r} is in line {first} already; make ids unique"
            )


def _text_problem(row: dict, texts: tuple[str, ...]) -> str | None:
    """What is wrong with the first text that is empty or no text; None when all are right."""
    # premise and hypothesis, say: the first that is wrong is named
    for column in texts:
        text = row[column]
        if not isinstance(text, str):
            return f"{column} is {text!r}, not a text; fill it or drop the line"
        if not text.strip():
            return f"empty {column}; fill it or drop the line"
    return None
