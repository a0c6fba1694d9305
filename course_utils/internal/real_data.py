"""Read real data sets as rows in the course's columns, from files, folders or the hub.

    .tsv, .txt   SICK (Marelli et al. 2014), STS-Benchmark (Cer et al. 2017; as published or as
                 in GLUE), Quora question pairs
    .jsonl       SNLI (Bowman et al. 2015), MultiNLI (Williams et al. 2018)
    a folder     saved by the ``datasets`` library's ``save_to_disk``
    other names  a data set of the hub, ``name`` or ``name:config``

Every row has ``line``, its place in the source. ``datasets`` checks the content afterwards.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from course_utils.internal import tables

LABELS = ("entailment", "neutral", "contradiction")  # the order of the hub's numbers 0, 1, 2

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
SPLITS = {"trial": "dev", "validation": "dev", "valid": "dev"}
STSB = ("genre", "filename", "year", "id", "score", "sentence1", "sentence2")  # has no header


def read(source: str | Path, wanted: tuple[str, ...], split: str | None) -> list[dict]:
    """Rows of a foreign source with the ``wanted`` columns, under the course's names.

    Rows that their makers left without a label (SNLI's ``-``, the hub's -1) are dropped. SICK's
    scores, 1 to 5, become 0 to 5. Raises FileNotFoundError when there is no such source, and
    ValueError, naming the place and the remedy, when a column is missing.
    """
    path = Path(source)
    if path.suffix in (".tsv", ".txt", ".csv"):
        raw = read_tabs(path)
    elif path.suffix == ".jsonl":
        raw = read_json_lines(path)
    else:
        raw = read_arrow(source, split)
        if split:
            raw = [{**row, "split": split} for row in raw]
    if split and raw and not {"split", "SemEval_set"} & set(raw[0]):
        raise ValueError(f"{source} does not say which split a row is in: leave split out")
    rows = [{**rename(row, wanted, source), "line": row["line"]} for row in raw]
    ids = {row.get("id") for row in rows}
    if None in ids or len(ids) < len(rows):  # some sets number within their parts
        rows = [{**row, "id": str(row["line"])} for row in rows]
    for row in rows:
        row["id"] = str(row["id"])
        if "split" in row:
            row["split"] = SPLITS.get(row["split"].lower(), row["split"].lower())
    if "label" in wanted:
        rows = [
            {**row, "label": label}
            for row in rows
            if (label := label_name(row["label"])) is not None
        ]
    if not rows:
        raise ValueError(f"{source}: no labelled rows")
    if "score" in wanted and "relatedness_score" in raw[0]:
        for row in rows:
            row["score"] = (float(row["score"]) - 1) * 1.25
    return rows


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


def label_name(label) -> str | None:
    """A label in the course's words: from numbers 0-2, capitals; None where there is none."""
    if isinstance(label, int) and not isinstance(label, bool):
        return LABELS[label] if 0 <= label < len(LABELS) else None
    return None if label in ("-", "", None) else str(label).lower()


def read_tabs(path: Path) -> list[dict]:
    """Rows of a tab-separated file; quotes are text, except in Quora's file, which uses them."""
    lines = tables.read_text(path).split("\n")
    header = lines[0].rstrip("\r").split("\t")
    quora = "is_duplicate" in [name.strip('"') for name in header]
    known = {name for names in NAMES.values() for name in names}
    if not known & set(header) and not quora:
        header, start = list(STSB), 0
    else:
        start = 1
    if quora:
        reader = csv.DictReader((f"{line}\n" for line in lines), delimiter="\t")
        return [
            {**row, "line": reader.line_num}
            for row in reader
            if row["question1"] and row["question2"]  # the published file has a few gaps
        ]
    rows = []
    for number, line in enumerate(lines[start:], start + 1):
        fields = line.rstrip("\r").split("\t")
        if fields == [""]:
            continue
        if len(fields) < len(header):
            raise ValueError(
                f"{path}, line {number}: {len(fields)} fields, not {len(header)}; each line needs "
                f"the columns {', '.join(header)}, separated by tabs"
            )
        rows.append({**dict(zip(header, fields, strict=False)), "line": number})
    return rows


def read_json_lines(path: Path) -> list[dict]:
    """Rows of a file with one JSON object a line."""
    rows = []
    for number, line in enumerate(tables.read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append({**json.loads(line), "line": number})
        except (json.JSONDecodeError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: not a JSON object; mend the line") from error
    return rows


def read_arrow(source: str | Path, split: str | None) -> list[dict]:
    """Rows of a folder that ``datasets`` saved, or of a hub data set."""
    import datasets as hf

    wanted = {"dev": "validation"}.get(split, split)
    try:
        if Path(source).is_dir():
            found = hf.load_from_disk(str(source))
        else:
            name, _, config = str(source).partition(":")
            found = hf.load_dataset(name, config or None)
    except Exception as error:  # the hub's errors have no common type
        raise FileNotFoundError(
            f"{source!r} is no file or saved data set here, and the hub did not give a data set "
            f"of that name ({type(error).__name__}): offline use a .csv, .tsv or .jsonl file, or "
            "a folder that datasets' save_to_disk wrote"
        ) from error
    if isinstance(found, hf.DatasetDict):
        if wanted is not None and wanted not in found:
            raise ValueError(f"{source}: no split {wanted!r}; it has {', '.join(found)}")
        parts = [wanted] if wanted else list(found)
        found = hf.concatenate_datasets([found[part] for part in parts])
    return [{**row, "line": number} for number, row in enumerate(found, 1)]


def quora_groups(rows: list[dict]) -> list[dict]:
    """Quora's pairs as a bank: one row a question; questions marked as duplicates share a group.

    A group is everything connected by duplicate pairs, named after its first question.
    """
    group: dict[str, str] = {}
    texts: dict[str, tuple[str, int]] = {}

    def root(question: str) -> str:
        while group[question] != question:
            group[question] = group[group[question]]
            question = group[question]
        return question

    for row in rows:
        for side in "12":
            question = row[f"qid{side}"]
            group.setdefault(question, question)
            texts.setdefault(question, (row[f"question{side}"], row["line"]))
        if row["is_duplicate"] == "1":
            group[root(row["qid2"])] = root(row["qid1"])
    return [
        {"id": question, "group": root(question), "text": text, "line": line}
        for question, (text, line) in texts.items()
    ]


def is_plain_csv(path: Path) -> bool:
    """A .csv file with commas; STS-Benchmark's .csv files hold tabs."""
    if path.suffix != ".csv":
        return False
    if not path.is_file():
        return True
    with path.open("rb") as handle:
        return b"\t" not in handle.readline()
