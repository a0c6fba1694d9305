"""Similarity scores on any scale, brought to the course's 0 to 5; a scale is never guessed."""

from __future__ import annotations

from pathlib import Path

SCALES = {"sentence-transformers/stsb": (0, 1)}  # data sets of the hub that do not have 0 to 5


class Scores:
    """The scores of one source: checks and converts them row by row.

    scale: the lowest and the highest score. Without it the source's name or the row says it
    (SICK's rows have ``scale``), or it is 0 to 5, which a score above 1 must prove.
    """

    def __init__(self, source: str | Path, scale: tuple[float, float] | None):
        if scale and not scale[0] < scale[1]:
            raise ValueError(f"scale must be (lowest, highest), such as (0, 1); got {scale}")
        self.source = source
        self.scale = scale or known_scale(source)
        self.highest = 0.0

    def check(self, row: dict) -> str | None:
        """Bring ``row["score"]`` to 0 to 5; returns what is wrong with it, or None."""
        low, high = self.scale or row.get("scale", (0, 5))
        score = number(row["score"])
        if score is None:
            return f"score {row['score']!r} is not a number"
        if not low <= score <= high:
            return f"score {score} is outside {low} to {high}"
        self.highest = max(self.highest, score)
        if (low, high) == (0, 5):
            row["score"] = score
        else:
            row["score"] = 5 * (score - low) / (high - low)

    def check_scale(self) -> None:
        """ValueError when all rows are read and nothing said which scale they have."""
        if self.scale is None and self.highest <= 1:
            raise ValueError(
                f"{self.source}: no score is above 1. If the scale is 0 to 1, say scale=(0, 1); "
                "if these pairs are all that different, say scale=(0, 5)"
            )


def known_scale(source: str | Path) -> tuple[float, float] | None:
    """The scale of a data set whose name tells it; None for all others."""
    name = Path(source).as_posix()
    return next((scale for end, scale in SCALES.items() if f"/{name}".endswith(f"/{end}")), None)


def number(value) -> float | None:
    """A number or the text of one, as float; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None
