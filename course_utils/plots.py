"""Figures of the course: one style, one meaning for each colour, a text for every picture.

The palette starts from Okabe & Ito's (2008). Every colour with a meaning has a contrast of at
least 3 to 1 on white (WCAG 2), and those that meet in a figure differ for colour-blind readers too.
"""

from __future__ import annotations

import base64
import io

import matplotlib.pyplot as plt
import numpy as np

from course_utils.internal.pixels import pixels_for_once

COLORS = {
    "anchor": "#0072B2",
    "positive": "#009E73",
    "negative": "#D55E00",
    "premise": "#0072B2",
    "hypothesis": "#CC79A7",
    "query": "#6B3F00",
    "entailment": "#009E73",
    "neutral": "#585858",
    "contradiction": "#D55E00",
    "glove": "#B07AA1",
    "tfidf": "#525252",
    "course-bert": "#857BEE",
    "minilm": "#0072B2",
    "trained": "#009E73",
    "kept": "#0072B2",
    "removed": "#949494",
    "text": "#222222",
    "decoration": "#D9D9D9",  # lines and fields that say nothing of their own
}


def use_style() -> None:
    """Set matplotlib to the course's style: large type, light frames, no surprise colours."""
    plt.rcParams.update(
        {
            "font.size": 13,
            "axes.titlesize": 14,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(
                color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6B3F00", "#857BEE"]
            ),
            "figure.figsize": (8, 4),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "legend.frameon": False,
            "image.cmap": "viridis",
        }
    )


def png(fig) -> bytes:
    """The figure as PNG bytes, twice as fine as the screen; the figure is closed."""
    buffer = io.BytesIO()
    with pixels_for_once(fig):
        fig.savefig(buffer, format="png", dpi=2 * fig.dpi)
    plt.close(fig)
    return buffer.getvalue()


def show(fig, alt: str, widget=None) -> None:
    """Display a figure with its text alternative; or a live widget, and the figure where none runs.

    With a ``widget`` JupyterLab shows the widget; places without a kernel (a code-hosting site,
    a printed page) show the figure. Raises ValueError for an empty ``alt``.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("every picture needs a text alternative: say in alt what it shows")
    # the size on the page, in pixels; the picture has twice as many
    width = round(fig.get_figwidth() * fig.dpi)
    height = round(fig.get_figheight() * fig.dpi)
    data = {"image/png": base64.b64encode(png(fig)).decode(), "text/plain": alt}
    if widget is not None:
        data["application/vnd.jupyter.widget-view+json"] = widget._repr_mimebundle_()[
            "application/vnd.jupyter.widget-view+json"
        ]
    display(data, raw=True, metadata={"image/png": {"alt": alt, "width": width, "height": height}})


def heatmap(ax, matrix, rows, columns, low=0.0, high=1.0, digits=2) -> None:
    """Draw ``matrix (n, m)`` with a number in every cell, readable on any shade."""
    matrix = np.asarray(matrix)
    # the shades
    image = ax.imshow(matrix, vmin=low, vmax=high, aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
    ax.set_yticks(range(len(rows)), rows)
    ax.spines[:].set_visible(False)
    # a number in every cell
    for (i, j), value in np.ndenumerate(matrix):
        color = ink(image.cmap(image.norm(value))[:3])
        ax.text(j, i, f"{value:z.{digits}f}", ha="center", va="center", color=color)


def ink(color) -> str:
    """The ink, "black" or "white", that is easier to read on ``color``: (red, green, blue), 0 to 1.

    >>> ink((1.0, 0.9, 0.2)), ink((0.2, 0.0, 0.4))
    ('black', 'white')
    """
    color = np.asarray(color)
    # how much light each part gives: screens store it as a power (the web's rule, WCAG 2)
    light = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    # eyes see green best; at 0.179 black and white contrast alike
    return "black" if light @ [0.2126, 0.7152, 0.0722] > 0.179 else "white"


def bars(ax, labels, values, colors=None, digits=2, intervals=None) -> None:
    """Horizontal bars, first on top, each with its number; ``intervals`` draws (low, high)."""
    rows = np.arange(len(labels))
    ax.barh(rows, values, color=colors, height=0.7)
    # a number is written where its bar ends, or its interval
    ends = np.array(values, dtype=float)
    if intervals is not None:
        low, high = np.asarray(intervals, dtype=float).T
        ax.errorbar(values, rows, xerr=[values - low, high - values], fmt="none", color="#222222")
        ends = np.maximum(ends, high)
    for row, (end, value) in enumerate(zip(ends, values, strict=True)):
        ax.text(end, row, f" {value:z.{digits}f}", va="center")
    ax.set_yticks(rows, labels, parse_math=False)  # "$5 or $10" is no formula
    ax.invert_yaxis()
    ax.margins(x=0.12)


def loss_curve(ax, history, label=None, color=None, window: int = 10) -> None:
    """The losses of each step, faint, and their running mean over ``window`` steps."""
    history = np.asarray(history, dtype=float)
    # a short run has a short window
    window = min(window, len(history))
    ax.plot(history, color=color or "#0072B2", alpha=0.25, linewidth=1)
    # each point is the mean of the window steps up to it
    smooth = np.convolve(history, np.ones(window) / window, mode="valid")
    ax.plot(
        np.arange(window - 1, len(history)), smooth, color=color or "#0072B2", linewidth=2.5,
        label=label,
    )  # fmt: skip
    ax.set(xlabel="step", ylabel="loss")
