"""What slides and pages show of the language model, which they do not have: two stored beginnings.

Stored are the 200 most probable tokens with their logits and, of all the others, how many have a
logit in each step of 0.02. So probabilities, cuts and entropy are right; only names are missing.

    python -m course_utils.slides.beginnings     asks SmolLM2 again and writes the file
"""

from __future__ import annotations

import json

import numpy as np

from course_utils import language_model
from course_utils.internal.hub import ASSETS
from course_utils.widgets.sampling import readable

FILE = ASSETS / "data" / "beginnings.json"
TEXTS = ("Once upon a time there was a", "The capital of France is")
NAMED, STEP = 200, 0.02


def stored() -> dict[str, dict]:
    """The stored beginnings, by their text; each as ``measured`` gives it."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def measured(text: str) -> dict:
    """What is stored of the language model's answer to ``text``.

    ``words`` and ``logits`` of the best 200 tokens; ``top`` and ``counts``: how many of the others
    have a logit at most 0.02, 0.04, … below ``top``; ``texts``: three texts with their settings.
    Raises the same errors as ``language_model.load``.
    """
    model = language_model.load()
    words, logits = model.next_logits(text)
    order = np.argsort(-logits, kind="stable")
    best, others = order[:NAMED], logits[order[NAMED:]]
    steps = ((others.max() - others) / STEP).astype(int)
    return {
        "words": [readable(words[i]) for i in best],
        "logits": logits[best].round(4).tolist(),
        "top": round(float(others.max()), 4),
        "counts": np.bincount(steps).tolist(),
        "texts": [
            [f"T {T:g}", model.write(text, temperature=T, max_tokens=24, rng=0)]
            for T in (0.2, 0.7, 1.5)
        ],
    }


def main() -> None:
    """Ask the language model again and write the file, a beginning on each line."""
    rows = [f"{json.dumps(text)}: {json.dumps(measured(text))}" for text in TEXTS]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
