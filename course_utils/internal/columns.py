"""Columns that a reader hands in, read by position."""

from __future__ import annotations

from collections.abc import Mapping, Set


def check_columns(columns) -> list[list]:
    """``columns`` as equally long lists, read by position whatever they are.

    A pandas Series is read from its first row to its last, not by its index.
    """
    columns = [_as_list(column, "each column") for column in _as_list(columns, "columns")]
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"columns must be equally long and not empty; got {sorted(lengths)}")
    return columns


def _as_list(values, what: str) -> list:
    """``values`` in their order; TypeError for what has another order or none."""
    # a dict would give its keys, a table its column names, a string its letters
    table = hasattr(values, "columns") or hasattr(values, "column_names")
    # and an array without a dimension is one number, though it has "__iter__"
    single = not hasattr(values, "__iter__") or getattr(values, "shape", None) == ()
    if table or single or isinstance(values, str | bytes | Mapping | Set):
        raise TypeError(
            f"{what} must be a list, not {type(values).__name__}: give the columns one by one, "
            'such as (data["premise"], data["hypothesis"], labels)'
        )
    return list(values)
