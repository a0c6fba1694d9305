"""Going back: every section marked "Start here" runs again after a notebook's last cell.

Each notebook is run as a whole first, which takes minutes, so this is left out unless asked for:
START_HERE=1 python -m pytest tests/test_start_here.py -k 02
"""

import os
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def sections(nb) -> list[list[int]]:
    """The code cells of each section, from its "Start here" to the next one; the last is first."""
    starts = [i for i, c in enumerate(nb.cells) if "**Start here**" in c.source]
    ends = [*starts[1:], len(nb.cells)]
    found = [
        [i for i in range(start, end) if nb.cells[i].cell_type == "code"]
        for start, end in zip(starts, ends, strict=True)
    ]
    return found[::-1]


def test_a_section_ends_where_the_next_begins():
    made = nbformat.v4.new_notebook()
    for kind in "ccscmcsc":
        text = "**Start here**: run the first cell" if kind == "s" else "words"
        new = nbformat.v4.new_code_cell if kind == "c" else nbformat.v4.new_markdown_cell
        made.cells.append(new(text))
    assert sections(made) == [[7], [3, 5]]


@pytest.mark.skipif(not os.environ.get("START_HERE"), reason="takes minutes: set START_HERE=1")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("0*.ipynb")), ids=lambda path: path.stem)
def test_each_section_runs_again_after_the_last_cell(path):
    from nbclient import NotebookClient

    nb = nbformat.read(path, as_version=4)
    client = NotebookClient(nb, timeout=600, resources={"metadata": {"path": FOLDER}})
    with client.setup_kernel():
        for i, cell in enumerate(nb.cells):
            client.execute_cell(cell, i)
        for section in sections(nb):
            for i in section:  # an error stops the test, and shows the cell
                client.execute_cell(nb.cells[i], i)
