"""A matplotlib figure as SVG text that is the same in every run."""

from __future__ import annotations

import io
import re
from xml.sax.saxutils import escape, quoteattr

import matplotlib.pyplot as plt


def svg(fig, title: str) -> str:
    """The figure as SVG text, with ``title`` as its text alternative; the figure is closed.

    Without date, version and document type; path coordinates to a hundredth of a point.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with plt.rc_context({"svg.hashsalt": "course"}):  # else every run would invent new ids
        fig.savefig(buffer, format="svg", metadata=nothing)
    plt.close(fig)
    drawn = buffer.getvalue()
    # drop what comes before the picture, and matplotlib's comments
    drawn = drawn[drawn.index("<svg ") :]
    drawn = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.S)
    # a style sheet inside would change the whole page that a picture is pasted into
    drawn = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", drawn, count=1, flags=re.S)
    drawn = re.sub(r'(?<= d=")[^"]*', _short_numbers, drawn)
    # the text alternative, for readers of pages and of files
    label = f'role="img" aria-label={quoteattr(title)} stroke-linejoin="round"'
    drawn = drawn.replace("<svg ", f"<svg {label} ", 1)
    head, rest = drawn.split(">\n", 1)
    return f"{head}>\n <title>{escape(title)}</title>\n{rest}"


def _short_numbers(path: re.Match) -> str:
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", path[0])
