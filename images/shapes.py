"""What every picture of the course is made of: a white card, boxes, arrows, vectors, words.

All places and sizes are in inches, from the lower left corner of the card; a box, a vector or a
text is placed by its centre. Type is never smaller than SMALL points.
"""

import matplotlib

matplotlib.use("agg")  # no window
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from course_utils.plots import COLORS

TEXT = COLORS["text"]
GREY = COLORS["neutral"]
PALE = COLORS["decoration"]
BODY = COLORS["course-bert"]  # the network, in every picture
QUERY = COLORS["query"]
STORED = COLORS["minilm"]
LARGE, MEDIUM, SMALL = 19, 16, 14

plt.rcParams.update(
    {
        "svg.fonttype": "path",  # looks the same wherever it is opened
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": MEDIUM,
        "mathtext.fontset": "dejavusans",
        "text.color": TEXT,
        "axes.edgecolor": GREY,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def card(width, height):
    """Axes in inches on a white card with round corners, which reads on a dark page too."""
    fig = plt.figure(figsize=(width, height), facecolor="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    style = "round,pad=0,rounding_size=0.15"
    ax.add_patch(FancyBboxPatch((0, 0), width, height, style, facecolor="white", linewidth=0))
    return ax


def plot_in(ax, x, y, width, height):
    """Ordinary axes inside a card; here x, y is the lower left corner."""
    card_width, card_height = ax.figure.get_size_inches()
    place = (x / card_width, y / card_height, width / card_width, height / card_height)
    inner = ax.figure.add_axes(place, facecolor="none")
    inner.tick_params(labelsize=SMALL)
    return inner


def tint(color, strength=0.25):
    """The colour mixed with white, so that black type reads on it."""
    return tuple(1 - strength * (1 - np.array(to_rgb(color))))


def text(ax, x, y, words, size=MEDIUM, color=TEXT, **more):
    """Words centred on (x, y); ``more`` goes to matplotlib (ha, va, weight, rotation, style)."""
    options = {"ha": "center", "va": "center_baseline", "linespacing": 1.25} | more
    if "\n" not in words:
        y += size / 800  # letters without descenders look low in a box
    ax.text(x, y, words, fontsize=size, color=color, **options)


def box(ax, x, y, width, height, words="", color=BODY, size=MEDIUM, strength=0.25, **more):
    """A rounded box with words in it; ``more`` goes to the words."""
    corner = (x - width / 2, y - height / 2)
    style = f"round,pad=0,rounding_size={min(0.12, height / 4)}"
    fill = tint(color, strength)
    ax.add_patch(
        FancyBboxPatch(corner, width, height, style, facecolor=fill, edgecolor=color, linewidth=2)
    )
    text(ax, x, y, words, size, **more)


def arrow(ax, start, end, color=TEXT, bend=0.0, width=2.0, style="-|>", **more):
    """An arrow from start to end, both (x, y); ``bend`` curves it."""
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle=style,
            connectionstyle=f"arc3,rad={bend}",
            mutation_scale=18,
            shrinkA=2,
            shrinkB=2,
            linewidth=width,
            color=color,
            **more,
        )
    )


def vector(ax, x, y, color, values=(0.9, 0.3, 0.6, 0.2), cell=0.24, upright=True):
    """A vector as a row of cells, the darker the larger (values from 0 to 1)."""
    places = (np.arange(len(values)) - len(values) / 2) * cell
    for place, value in zip(places, values, strict=True):
        corner = (x - cell / 2, y + place) if upright else (x + place, y - cell / 2)
        fill = tint(color, 0.1 + 0.75 * value)
        ax.add_patch(Rectangle(corner, cell, cell, facecolor=fill, edgecolor=color, linewidth=1.2))


def plus(ax, x, y):
    """A plus in a circle: the sum of what arrives."""
    ax.add_patch(Circle((x, y), 0.25, facecolor="white", edgecolor=TEXT, linewidth=2))
    text(ax, x, y, "+", LARGE)


def dots(ax, points, color, size=110, **more):
    """Points (n, 2) as round dots."""
    points = np.atleast_2d(points)
    options = {"edgecolors": "white", "linewidths": 1, "zorder": 3} | more
    ax.scatter(points[:, 0], points[:, 1], s=size, color=color, **options)
