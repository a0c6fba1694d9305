"""Data sets of the ``datasets`` library and of the hub as rows, with the names of their labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SPLITS = {"trial": "dev", "validation": "dev", "valid": "dev"}


def split_name(name) -> str:
    """A split in the course's words: "validation" and "trial" are "dev"."""
    return SPLITS.get(str(name).lower(), str(name).lower())


def read_arrow(source: str | Path, split: str | None) -> list[dict]:
    """Rows of a folder (saved by ``datasets``, or parquet files), or of a hub data set.

    Numbers that have names in the data set become these names. Rows have ``split`` where the data
    set has parts.
    """
    try:
        parts = open_parts(source)
    except Exception as error:  # the hub's errors have no common type
        raise FileNotFoundError(
            f"{source!r} is no file or saved data set here, and the hub did not give a data set "
            f"of that name ({type(error).__name__}): offline use a .csv, .tsv or .jsonl file, or "
            "a folder that datasets' save_to_disk wrote"
        ) from error
    # only the part that was asked for
    chosen = [name for name in parts if split in (None, name and split_name(name))]
    if not chosen and None not in parts:
        raise ValueError(f"{source}: no split {split!r}; it has {', '.join(parts)}")
    # say the part in each row, where all parts are the usual ones
    told = all(name and split_name(name) in ("train", "dev", "test") for name in parts)
    rows = []
    for name in chosen or parts:
        for row in with_names(parts[name]):
            place = {"split": name} if told else {}
            rows.append({**row, **place, "line": len(rows) + 1})
    return rows


def open_parts(source: str | Path) -> dict:
    """The parts of a data set by name; a data set that is not in parts has the name None."""
    import datasets as hf

    from course_utils.internal import network

    name, _, config = str(source).partition(":")
    folder = Path(source)
    if not folder.is_dir() and config and (Path(name) / config).is_dir():
        folder = Path(name) / config
    # parquet files as the hub stores them: train-00000-of-00001.parquet, here or in data/
    files = sorted([*folder.glob("*.parquet"), *folder.glob("data/*.parquet")])
    if files:
        found: dict[str, list] = {}
        for file in files:
            found.setdefault(file.stem.split("-")[0], []).append(hf.Dataset(read_table(file)))
        return {name: hf.concatenate_datasets(pieces) for name, pieces in found.items()}
    if folder.is_dir():
        loaded = hf.load_from_disk(str(folder))
    else:
        loaded = network.load_dataset(str(source))
    if isinstance(loaded, hf.DatasetDict):
        return dict(loaded)
    return {str(loaded.split) if loaded.split else None: loaded}


def read_table(file: Path):
    """A parquet file as an Arrow table."""
    from pyarrow import parquet

    return parquet.read_table(file)


def with_names(part) -> Iterator[dict]:
    """The rows of a ``datasets.Dataset``; a number of a ClassLabel becomes its name, or None."""
    names = {
        column: feature.names
        for column, feature in part.features.items()
        if hasattr(feature, "names")
    }
    for row in part:
        for column, known in names.items():
            number = row[column]
            row[column] = known[number] if number is not None and number >= 0 else None
        yield row
