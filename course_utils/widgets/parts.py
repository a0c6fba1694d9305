"""What the explorers show, as plain functions: numbers of a model for a reader's sentence, as HTML.

Each takes what the reader typed and raises ValueError with a message that says what to do, for
the widget to show. Results that cost a pass through a model are kept, so that a slider is quick.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape

import numpy as np

from course_utils import encoders, plots

MOST_LETTERS = 300


def checked(sentence: str, name: str = "the sentence") -> str:
    """The sentence; ValueError says what to do when it is empty or very long."""
    if not sentence.strip():
        raise ValueError(f"{name} is empty: type some words and press Enter")
    if len(sentence) > MOST_LETTERS:
        raise ValueError(f"{name} is too long: keep it under {MOST_LETTERS} letters")
    return sentence


@lru_cache(maxsize=4)
def encoder(name: str):
    """An encoder, loaded once however often a slider moves."""
    return encoders.load(name)


def heat_table(matrix, rows, columns, low=0.0, high=1.0, numbers=True, colors="viridis") -> str:
    """``matrix (n, m)`` as an HTML table: shade from ``low`` to ``high``, the value on hover.

    ``numbers`` writes the value into the cell as well, black or white, whichever contrasts more.
    """
    matrix = np.asarray(matrix, dtype=float)
    shades = plots.plt.get_cmap(colors)((matrix - low) / (high - low))[..., :3]
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    bright = linear @ [0.2126, 0.7152, 0.0722] > 0.179  # there black and white contrast alike
    size = 58 if numbers else 27
    turned = "writing-mode:vertical-rl;transform:rotate(180deg)" if not numbers else ""
    heads = "".join(
        f'<th style="font-weight:normal;padding:4px 0;min-width:{size}px;{turned}">{escape(name)}'
        "</th>"
        for name in columns
    )
    lines = [f"<tr><td></td>{heads}</tr>"]
    for i, row in enumerate(rows):
        cells = []
        for j, column in enumerate(columns):
            value = f"{matrix[i, j]:.2f}"
            red, green, blue = (255 * shades[i, j]).round().astype(int)
            ink = "black" if bright[i, j] else "white"
            cells.append(
                f'<td title="{escape(row)} → {escape(column)}: {value}" style="color:{ink};'
                f'background:rgb({red},{green},{blue})">{value if numbers else ""}</td>'
            )
        name = f'<th style="font-weight:normal;text-align:right;padding:0 8px">{escape(row)}</th>'
        lines.append(f'<tr style="height:{round(0.8 * size)}px">{name}{"".join(cells)}</tr>')
    style = "font-size:17px;line-height:1.2;text-align:center;border-spacing:1px"
    return f'<table class="heat" style="{style}">{"".join(lines)}</table>'


def follow(controls, picture, draw) -> None:
    """Show the HTML ``draw()`` in ``picture`` (an ipywidgets HTML) now and after each change.

    What is wrong with the reader's input (ValueError, FileNotFoundError) is said in its place.
    """

    def update(_=None):
        try:
            picture.value = draw()
        except (ValueError, FileNotFoundError) as error:
            say(picture, str(error))

    for control in controls:
        control.observe(update, "value")
    update()


def say(picture, words: str) -> None:
    """Show ``words`` in ``picture`` as a plain message, escaped."""
    picture.value = f'<p style="font-size:17px">{escape(words)}</p>'


def text_field(value: str, description: str, width: int = 640, label: int = 80):
    """A field for a sentence, which counts when Enter is pressed or the field is left."""
    import ipywidgets as w

    return w.Text(
        value=value, description=description, continuous_update=False,
        placeholder="type a sentence, then press Enter",
        layout=w.Layout(width=f"{width}px"), style={"description_width": f"{label}px"},
    )  # fmt: skip
