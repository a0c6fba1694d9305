"""The pre-training curve as a small picture: held-out loss and accuracy against tokens seen.

Written as SVG by hand, so that the same ``curve.csv`` gives the same bytes on every machine.
"""

from __future__ import annotations

import math
from pathlib import Path

from course_utils.internal import tables

COLUMNS = ("tokens", "sequence_length", "heldout_loss", "heldout_accuracy")
PANELS = (("heldout_loss", "held-out loss"), ("heldout_accuracy", "held-out accuracy"))
ALT = "Two curves over the tokens seen: held-out loss falls, held-out accuracy rises"
WIDTH, HEIGHT, TOP = 330, 230, 40  # of a panel, in pixels
LEFTS = (60, 480)
TEXT, GRID, LINE = "#222222", "#D9D9D9", "#0072B2"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers, evenly spaced, at least two and at most ``most`` + 1, that enclose both ends.

    >>> ticks(0.1, 0.44)
    [0.1, 0.2, 0.3, 0.4, 0.5]
    """
    rough = max(high - low, 1e-3) / (most - 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _panel(left: int, title: str, tokens: list[float], values: list[float], longer: float) -> str:
    """Axes, grid and line of one panel; a dashed line at ``longer`` million tokens, if not 0."""
    across, up = ticks(0, max(tokens)), ticks(min(values), max(values))

    def x(value):
        return left + WIDTH * value / across[-1]

    def y(value):
        return TOP + HEIGHT * (up[-1] - value) / (up[-1] - up[0])

    low = TOP + HEIGHT
    parts = [_text(left + WIDTH / 2, TOP - 16, title)]
    for value in up:
        parts.append(f'<path d="M{left} {y(value):.1f}h{WIDTH}" stroke="{GRID}"/>')
        parts.append(_text(left - 8, y(value) + 5, f"{value:g}", "end"))
    parts += [_text(x(value), low + 20, f"{value:g}") for value in across]
    parts.append(_text(left + WIDTH / 2, low + 42, "million tokens"))
    if longer:
        dashed = f'stroke="{TEXT}" stroke-dasharray="3 4"'
        parts.append(f'<path d="M{x(longer):.1f} {TOP}V{low}" {dashed}/>')
    line = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in zip(tokens, values, strict=True))
    parts.append(f'<polyline points="{line}" fill="none" stroke="{LINE}" stroke-width="2.5"/>')
    return "".join(parts)


def curve_svg(rows: list[dict]) -> str:
    """The rows of a ``curve.csv`` (texts by column) as SVG, its text alternative included.

    The dashed line is where the sequences became longer. Raises ValueError for fewer than two.
    """
    if len(rows) < 2:
        raise ValueError(f"a curve needs at least 2 points; got {len(rows)}")
    tokens = [int(row["tokens"]) / 1e6 for row in rows]
    lengths = [row["sequence_length"] for row in rows]
    longer = next((t for t, n in zip(tokens, lengths, strict=True) if n != lengths[0]), 0)
    panels = [
        _panel(left, title, tokens, [float(row[column]) for row in rows], longer)
        for left, (column, title) in zip(LEFTS, PANELS, strict=True)
    ]
    if longer:
        words = f"dashed: from here on sequences of {lengths[-1]} tokens, before of {lengths[0]}"
        panels.append(_text(LEFTS[0], TOP + HEIGHT + 66, words, "start"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="840" height="350" viewBox="0 0 840 350"'
        f' role="img" aria-label="{ALT}" font-family="sans-serif" font-size="15" fill="{TEXT}">\n'
        f'<title>{ALT}</title>\n<rect width="840" height="350" fill="#ffffff"/>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def draw(folder: Path) -> Path:
    """Draw ``folder/curve.csv`` into ``folder/curve.svg``; returns that path.

    Raises as ``tables.read_csv`` and ``curve_svg``.
    """
    path = Path(folder) / "curve.svg"
    rows = tables.read_csv(path.with_suffix(".csv"), COLUMNS)
    path.write_bytes(curve_svg(rows).encode())
    return path
