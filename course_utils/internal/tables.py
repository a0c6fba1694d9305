"""CSV and UTF-8 text, read with errors that name the file, the line and the remedy."""

from __future__ import annotations

import csv
import io
from pathlib import Path

# The largest cell that may be: a whole document. (What a C long holds on every system.)
csv.field_size_limit(2**31 - 1)


def read_text(path: Path) -> str:
    """A UTF-8 file's text, line ends as ``\\n``; ValueError names the first line that is not UTF-8.

    Raises FileNotFoundError when there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the path of a CSV, TSV or JSON Lines file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}: not UTF-8; save the file again as UTF-8") from error
    return io.StringIO(text, newline=None).getvalue()


def read_csv(path: str | Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a UTF-8 CSV file with a header, as dictionaries; ``line`` is the line number.

    Raises FileNotFoundError, and ValueError for another encoding, missing columns, rows of the
    wrong length, or no rows.
    """
    path = Path(path)
    reader = csv.DictReader(io.StringIO(read_text(path)), strict=True)
    rows = []
    try:
        check_header(path, list(reader.fieldnames or []), required)
        for row in reader:
            # a missing field is None, and what is too much has the name None
            if None in row or None in row.values():
                raise ValueError(
                    f"{path}, line {reader.line_num}: not {len(reader.fieldnames)} fields; put "
                    "text that holds commas in double quotes"
                )
            rows.append({**row, "line": reader.line_num})
    except csv.Error as error:
        line = reader.line_num + 1  # where the broken row begins
        raise ValueError(f"{path}, line {line}: broken CSV ({error})") from error
    if not rows:
        raise ValueError(f"{path}: no rows after the header")
    return rows


def check_header(
    path: Path, names: list[str], required: tuple[str, ...], once: tuple[str, ...] = ()
) -> None:
    """ValueError unless ``names`` holds every required column, once; ``once``: others like that."""
    if missing := [name for name in required if name not in names]:
        raise ValueError(
            f"{path}, line 1: no column {', '.join(missing)}; the header must name "
            f"{', '.join(required)} (found {', '.join(names or ['nothing'])})"
        )
    if twice := [name for name in (*required, *once) if names.count(name) > 1]:
        raise ValueError(f"{path}, line 1: column {twice[0]} appears twice; rename one")
