"""Read real data sets as rows in the course's columns, from files, folders or the hub.

    .tsv, .txt   SICK (Marelli et al. 2014), STS-Benchmark (Cer et al. 2017; as published or as
                 in GLUE), Quora question pairs
    .jsonl       SNLI (Bowman et al. 2015), MultiNLI (Williams et al. 2018)
    a folder     saved by the ``datasets`` library's ``save_to_disk``, or parquet files as the
                 hub stores them (all-NLI, STS-B and Quora of sentence-transformers)
    other names  a data set of the hub, ``name`` or ``name:config``

Every row has ``line``, its place in the source. ``datasets`` checks the content afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from course_utils.internal import quora, tables
from course_utils.internal.arrow import read_arrow, split_name

LABELS = ("entailment", "neutral", "contradiction")

# The course's column: the names it goes by elsewhere, the likeliest first.
NAMES = {
    "id": ("id", "pairID", "pair_ID", "promptID"),
    "premise": ("premise", "sentence1", "sentence_A"),
    "hypothesis": ("hypothesis", "sentence2", "sentence_B"),
    "label": ("label", "gold_label", "entailment_judgment", "entailment_label"),
    "sentence1": ("sentence1", "sentence_A"),
    "sentence2": ("sentence2", "sentence_B"),
    "score": ("score", "relatedness_score", "similarity_score", "label"),
    "split": ("split", "SemEval_set"),
}
STSB = ("genre", "filename", "year", "id", "score", "sentence1", "sentence2")  # has no header


def read(source: str | Path, wanted: tuple[str, ...], split: str | None) -> list[dict]:
    """Rows of a foreign source with the ``wanted`` columns, under the course's names.

    Rows that their makers left without a label (SNLI's ``-``, the hub's -1) are dropped. SICK's
    rows have ``scale``, 1 to 5. Raises FileNotFoundError when there is no such source, and
    ValueError, naming the place and what to do, when a column is missing or labels are numbers
    without names.
    """
    raw = read_raw(source, split)
    check_says_split(source, raw, split)
    # the course's names for the columns
    rows = [{**rename(row, wanted, source), "line": row["line"]} for row in raw]
    # every row needs an id of its own; some sets number within their parts, or not at all
    ids = {str(row.get("id")) for row in rows}
    own_ids = "None" not in ids and len(ids) == len(rows)
    for row in rows:
        row["id"] = str(row["id"] if own_ids else row["line"])
        if "split" in row:
            row["split"] = split_name(row["split"])
    # labels in the course's words; rows without one are left out
    if "label" in wanted:
        for row in rows:
            row["label"] = label_name(row["label"], f"{source}, line {row['line']}")
        rows = [row for row in rows if row["label"] is not None]
    if not rows:
        raise ValueError(f"{source}: no labelled rows")
    if "score" in wanted and "relatedness_score" in raw[0]:
        rows = [{**row, "scale": (1, 5)} for row in rows]
    return rows


def read_raw(source: str | Path, split: str | None) -> list[dict]:
    """All rows of a file, a folder or a hub data set, under their own names."""
    path = Path(source)
    if path.suffix in (".tsv", ".txt", ".csv"):
        return read_tabs(path)
    if path.suffix == ".jsonl":
        return read_json_lines(path)
    return read_arrow(source, split)


def check_says_split(source, raw: list[dict], split: str | None) -> None:
    """ValueError when a split is asked for and the rows do not say theirs."""
    if split and raw and not set(NAMES["split"]) & set(raw[0]):
        raise ValueError(f"{source} does not say which split a row is in: leave split out")


def rename(row: dict, wanted: Iterable[str], source) -> dict:
    """The ``wanted`` columns of one row under the course's names (and id and split, if any)."""
    found = {}
    for column in (*wanted, "id", "split"):
        name = next((n for n in NAMES.get(column, (column,)) if n in row), None)
        if name is not None:
            found[column] = row[name]
        elif column in wanted:
            raise ValueError(
                f"{source}, line {row['line']}: no column for {column}; expected one of "
                f"{', '.join(NAMES.get(column, (column,)))}, found {', '.join(map(str, row))}"
            )
    return found


def label_name(label, place: str) -> str | None:
    """A label in small letters; None where there is none. A number without a name is refused."""
    if label in ("-", "", None):
        return None
    if not isinstance(label, str):
        raise ValueError(
            f"{place}: label {label!r} is a number without a name, and data sets differ in their "
            'order; store names, or cast the column to ClassLabel(names=["entailment", …])'
        )
    return label.lower()


def read_tabs(path: Path) -> list[dict]:
    """Rows of a tab-separated file; quotes are text, except in Quora's file, which uses them."""
    lines = tables.read_text(path).split("\n")
    header = lines[0].split("\t")
    if "is_duplicate" in [name.strip('"') for name in header]:
        return quora.read(path)
    # STS-Benchmark as published has no header, and sometimes more fields at the end
    known = {name for names in NAMES.values() for name in names} | {"group", "text"}
    published = not known & set(header)
    if published:
        header = list(STSB)
    else:
        tables.check_header(path, header, (), once=tuple(header))
    rows = []
    for line, text in enumerate(lines, 1):
        fields = text.split("\t")
        if fields == [""] or (line == 1 and not published):
            continue
        if len(fields) < len(header) or (len(fields) > len(header) and not published):
            raise ValueError(
                f"{path}, line {line}: {len(fields)} fields, not {len(header)}; each line needs "
                f"the columns {', '.join(header)}, separated by tabs"
            )
        rows.append({**dict(zip(header, fields, strict=False)), "line": line})
    return rows


def read_json_lines(path: Path) -> list[dict]:
    """Rows of a file with one JSON object a line."""
    rows = []
    for number, line in enumerate(tables.read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append({**json.loads(line), "line": number})
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: not a JSON object; fix the line") from error
    return rows


def read_question_pairs(source: str | Path, split: str | None) -> list[dict] | None:
    """Rows of Quora's pairs (qid1, question1, …, is_duplicate); None when these are no pairs.

    The hub's form has no numbers for questions: there the question's text is its number.
    """
    if is_plain_csv(Path(source)):
        return None
    rows = read_raw(source, split)
    first = rows[0] if rows else {}
    numbered = set(quora.COLUMNS) <= set(first)
    if not numbered and not {"sentence1", "sentence2", "label"} <= set(first):
        return None
    check_says_split(source, rows, split)
    if split:
        rows = [row for row in rows if split_name(row["split"]) == split]
    if numbered:
        return rows
    return [
        {
            "qid1": row["sentence1"],
            "qid2": row["sentence2"],
            "question1": row["sentence1"],
            "question2": row["sentence2"],
            "is_duplicate": row["label"],
            "line": row["line"],
        }
        for row in rows
    ]


def is_plain_csv(path: Path) -> bool:
    """A .csv file with commas; STS-Benchmark's .csv files hold tabs."""
    if path.suffix != ".csv":
        return False
    if not path.is_file():
        return True
    with path.open("rb") as handle:
        return b"\t" not in handle.readline()
