"""Quora's question pairs: reading the published file, and making a bank of questions of it."""

from __future__ import annotations

import csv
from pathlib import Path

from course_utils.internal import tables

COLUMNS = ("qid1", "qid2", "question1", "question2", "is_duplicate")
DUPLICATE = {"1": True, "true": True, "duplicate": True}
DUPLICATE |= {"0": False, "false": False, "different": False}


def read(path: Path) -> list[dict]:
    """Rows of Quora's file of question pairs; the few with an empty question are left out.

    Questions may be in quotes, and then go over several lines. No question holds a tab: one that
    does comes from a quote that never ends, and would swallow the rows after it.
    """
    lines = (f"{line}\n" for line in tables.read_text(path).split("\n"))
    reader = csv.DictReader(lines, delimiter="\t", strict=True)
    rows = []
    line = 1  # where the row begins
    try:
        tables.check_header(path, list(reader.fieldnames), COLUMNS)
        line = reader.line_num + 1
        for row in reader:
            fields = row.values()
            if None in row or None in fields or any("\t" in field for field in fields):
                raise csv.Error(f"not {len(reader.fieldnames)} fields")
            if row["question1"].strip() and row["question2"].strip():
                rows.append({**row, "line": line})
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {line}: {error}; look for a quote that is opened and never closed"
        ) from error
    return rows


def groups(rows: list[dict]) -> list[dict]:
    """Quora's pairs as a bank: one row a question; questions marked as duplicates share a group.

    A group is everything connected by duplicate pairs, named after its first question. Raises
    ValueError when a pair is marked neither as duplicates nor as different.
    """
    group: dict[str, str] = {}
    texts: dict[str, tuple[str, int]] = {}

    def root(question: str) -> str:
        while group[question] != question:
            group[question] = group[group[question]]  # half the way, for the next time
            question = group[question]
        return question

    for row in rows:
        # both questions, each in a group of its own at first
        for side in "12":
            question, text = row[f"qid{side}"], row[f"question{side}"]
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"line {row['line']}: question {text!r} is not a text")
            group.setdefault(question, question)
            texts.setdefault(question, (text, row["line"]))
        # duplicates join their groups
        mark = str(row["is_duplicate"]).lower()
        if mark not in DUPLICATE:
            raise ValueError(
                f"line {row['line']}: {mark!r} does not say if the questions are duplicates; use "
                f"one of {', '.join(DUPLICATE)}"
            )
        if DUPLICATE[mark]:
            group[root(row["qid2"])] = root(row["qid1"])
    return [
        {"id": question, "group": root(question), "text": text, "line": line}
        for question, (text, line) in texts.items()
    ]
