"""Notebook 3's stored spread: made by its own cells, with the present weights, for three seeds."""

import csv

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.tools import spread

CELLS = [
    "SEED = 0",
    "def train():\n    return SEED + 1",
    "raise RuntimeError('not tagged')",
    "final = {'before': (0.5, 0.5, 0.5), 'after': (train(), 0.25, 1 / 3)}",
]


@pytest.fixture
def small(tmp_path):
    """A notebook of four cells, weights, and where the result goes."""
    nb = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    for i in (0, 1, 3):
        nb.cells[i].metadata["tags"] = ["spread"]
    paths = [tmp_path / name for name in ("nb.ipynb", "weights", "spread.csv")]
    nbformat.write(nb, paths[0])
    paths[1].write_bytes(b"weights")
    return paths


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_seed_runs_the_tagged_cells(small):
    spread.main(*small)
    rows = rows_of(small[2])
    assert [(row["model"], row["seed"]) for row in rows] == [
        (model, seed) for seed in "012" for model in ("before", "after")
    ]
    assert [row["spearman"] for row in rows[1::2]] == ["1.0000", "2.0000", "3.0000"]
    assert (rows[1]["triplets"], rows[1]["recall_at_1"]) == ("0.2500", "0.3333")


def test_a_stopped_run_goes_on_where_it_was(small, monkeypatch):
    run, seen = spread.run, []

    def stops_at_the_third(sources, seed):
        seen.append(seed)
        if seen == [0, 1, 2]:
            raise KeyboardInterrupt
        return run(sources, seed)

    monkeypatch.setattr(spread, "run", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        spread.main(*small)
    assert {row["seed"] for row in rows_of(small[2])} == {"0", "1"}
    spread.main(*small)
    assert seen == [0, 1, 2, 2] and len(rows_of(small[2])) == 6
    spread.main(*small)
    assert len(seen) == 4, "nothing is left to do"


def test_new_weights_or_new_cells_start_anew(small):
    spread.main(*small)
    first = rows_of(small[2])[0]["made_with"]
    small[1].write_bytes(b"better weights")
    spread.main(*small)
    second = {row["made_with"] for row in rows_of(small[2])}
    assert len(rows_of(small[2])) == 6 and second != {first} and len(second) == 1


def test_the_stored_spread_is_that_of_the_present_notebook_and_weights():
    rows = rows_of(spread.RESULT)
    mark = spread.made_with(spread.cells(spread.NOTEBOOK), spread.WEIGHTS)
    assert {row["made_with"] for row in rows} == {mark}, (
        "run .venv/bin/python -m course_utils.tools.spread"
    )
    models = [row["model"] for row in rows if row["seed"] == "0"]
    assert len(models) >= 8 and models[0] == "GloVe" and models[-1] == "MiniLM"
    assert [row["model"] for row in rows] == 3 * models
    for row in rows:
        assert all(0 <= float(row[name]) <= 1 for name in spread.MEASURES)
