"""Figures give their memory back as soon as they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


@contextmanager
def pixels_for_once(fig) -> Iterator[None]:
    """Inside, ``fig`` is drawn on a canvas of its own; afterwards its pixels, 6 MB, are gone.

    The parts of a figure know each other, so Python lets go of it only much later.
    """
    FigureCanvasAgg(fig)
    yield
    FigureCanvasBase(fig)
    for text in fig.findobj(Text):
        text._renderer = None
