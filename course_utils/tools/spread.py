"""How much luck is in notebook 3's last table: its own training cells, run with other seeds.

    .venv/bin/python -m course_utils.tools.spread     a minute and a half a seed on two free cores

Runs the code cells of notebook 3 that are tagged `spread`, with SEED = 0, 1, 2, and writes
course_utils/assets/spread.csv: a row for each encoder and seed, with the last table's measures and
the first digits of a SHA-256 of those cells and the course-bert weights. Each seed is stored when
it is done; seeds stored for the present weights and cells are not run again, rows of older ones are
dropped.
"""

import csv
import hashlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "03_training_objectives.ipynb"
WEIGHTS = ROOT / "course_utils" / "assets" / "course-bert" / "model.safetensors"
RESULT = ROOT / "course_utils" / "assets" / "spread.csv"
SEEDS = (0, 1, 2)
MEASURES = ("spearman", "triplets", "recall_at_1")
HEADER = ("model", "seed", *MEASURES, "made_with")


def cells(path: Path) -> list[str]:
    """The sources of the notebook's code cells that are tagged ``spread``, in order."""
    import nbformat

    nb = nbformat.read(path, as_version=4)
    return [c.source for c in nb.cells if "spread" in c.metadata.get("tags", [])]


def made_with(sources: list[str], weights: Path) -> str:
    """Twelve digits that change when the cells or the weights do."""
    digest = hashlib.sha256("\n".join(sources).encode())
    digest.update(weights.read_bytes())
    return digest.hexdigest()[:12]


def run(sources: list[str], seed: int) -> dict:
    """``{encoder: (spearman, triplets, recall_at_1)}``: what the cells leave in ``final``.

    The first cell sets SEED, which is replaced before the others run.
    """
    space = {"__name__": "__main__"}
    exec(sources[0], space)
    space["SEED"] = seed
    for source in sources[1:]:
        exec(source, space)
    return space["final"]


def stored(path: Path, mark: str) -> list[dict]:
    """The rows of ``path`` that were made with the present cells and weights."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["made_with"] == mark]


def store(path: Path, rows: list[dict]) -> None:
    """Replace ``path`` in one step, so that a stop in the middle loses nothing."""
    new = path.with_suffix(".tmp")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(new, path)


def main(notebook: Path = NOTEBOOK, weights: Path = WEIGHTS, result: Path = RESULT) -> None:
    """Run the seeds that are missing."""
    sources = cells(notebook)
    mark = made_with(sources, weights)
    rows = stored(result, mark)
    for seed in SEEDS:
        if str(seed) in {row["seed"] for row in rows}:
            continue
        print("seed", seed, file=sys.stderr, flush=True)
        for model, values in run(sources, seed).items():
            numbers = {name: f"{value:.4f}" for name, value in zip(MEASURES, values, strict=True)}
            rows.append({"model": model, "seed": str(seed), **numbers, "made_with": mark})
        store(result, rows)


if __name__ == "__main__":
    os.chdir(NOTEBOOK.parent)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", MPLBACKEND="agg")
    main()
