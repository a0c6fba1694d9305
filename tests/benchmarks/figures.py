"""Plain figures next to the ratios: how costs grow, and how long the notebooks take.

Each function takes ``quick``, which shrinks the work to a smoke test, and prints its lines.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from felt import felt_speed
from harness import duration, exponent, seconds, table

ROOT = Path(__file__).parents[2]


def growth(quick: bool) -> None:
    """Median time of three against size, for each cost, and the exponent of the fit."""
    lines = []
    for what, size_of, works in (
        ("encode, MiniLM, float32", "sentences", encoding(quick)),
        ("exact top-10, 384 dimensions, 16 queries", "texts", searching(quick)),
        ("temperature, top-k 50, top-p 0.9, draw", "words", sampling(quick)),
    ):
        sizes, times = [], []
        for size, work in works:
            work()
            sizes.append(size)
            times.append(statistics.median(seconds(work) for _ in range(3)))
        measured = " · ".join(f"{s:,}: {duration(t)}" for s, t in zip(sizes, times, strict=True))
        lines.append([what, size_of, measured, f"{exponent(sizes, times):.2f}"])
    print(table(["cost of", "against", "measured", "exponent"], lines))


def encoding(quick: bool):
    """(size, work) for growing numbers of sentences."""
    from ratios import course_sentences

    from course_utils import encoders

    encoder, texts = encoders.load("minilm"), course_sentences(2000)
    for size in (16, 32, 64) if quick else (125, 250, 500, 1000, 2000):
        yield size, lambda size=size: encoder.encode(texts[:size])


def searching(quick: bool):
    """(size, work) for growing banks."""
    from course_utils.search import Index

    class Encoder:
        name, dim, fingerprint = "random", 384, "random"

    rng = np.random.default_rng(0)
    queries = rng.standard_normal((16, 384), dtype=np.float32)
    for size in (1000, 2000, 4000) if quick else (1000, 10_000, 100_000, 1_000_000):
        bank = rng.standard_normal((size, 384), dtype=np.float32)
        index = Index(Encoder(), [""] * size, bank)
        del bank
        yield size, lambda index=index: index.search_vectors(queries, 10)


def sampling(quick: bool):
    """(size, work) for growing vocabularies."""
    from course_utils.sampling import sample, softmax, top_k, top_p

    rng = np.random.default_rng(0)
    for size in (1000, 10_000) if quick else (1000, 10_000, 100_000, 1_000_000):
        logits = rng.normal(0, 3, size).astype(np.float32)

        def draw(logits=logits):
            return sample(softmax(top_p(top_k(logits / 0.7, 50), 0.9)), 1, rng)

        yield size, draw


def notebooks(quick: bool) -> None:
    """Wall time of each notebook from a fresh kernel, and its slowest cell."""
    import nbformat
    from nbclient import NotebookClient

    lines = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))[: 1 if quick else None]:
        notebook, started, took = nbformat.read(path, as_version=4), {}, {}
        if quick:
            notebook.cells = notebook.cells[:3]

        def start(cell, cell_index, started=started):
            started[cell_index] = time.perf_counter()

        def stop(cell, cell_index, started=started, took=took, **_):
            took[cell_index] = time.perf_counter() - started[cell_index]

        with tempfile.TemporaryDirectory() as models:
            os.environ["COURSE_MODELS"] = models
            client = NotebookClient(
                notebook,
                timeout=900,
                kernel_name="python3",
                resources={"metadata": {"path": str(path.parent)}},
                on_cell_execute=start,
                on_cell_executed=stop,
            )
            whole = seconds(client.execute)
        slowest = max(took, key=took.get)
        first = notebook.cells[slowest].source.strip().splitlines()[0]
        cell = f"{slowest}: {first[:50]}"
        lines.append([path.stem, duration(whole), duration(took[slowest]), cell])
    print(table(["notebook", "from start to end", "slowest cell", "which"], lines))


FIGURES = {"growth": growth, "felt": felt_speed, "notebooks": notebooks}
