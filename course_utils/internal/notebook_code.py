"""The Python of a notebook's cell."""

from __future__ import annotations

import ast

from IPython.core.inputtransformer2 import TransformerManager


def parse(source: str) -> ast.AST:
    """The Python of a cell: magics, ``!`` and ``?`` of IPython become calls.

    Code that is not Python (another language, or unfinished) counts as an empty cell.
    """
    if source.startswith("%%"):  # a magic for the whole cell, such as %%time
        source = source.partition("\n")[2]
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):  # ValueError: a null byte
        return ast.Module([], [])
