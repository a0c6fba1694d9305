"""What several widgets share: checks of what a reader typed, controls, bars, heat tables.

Each widget shows HTML that follows its controls, or says plainly what is wrong. Every text that a
person typed, or that comes from data, is escaped. Colours that carry meaning stay in
high contrast mode, and what a picture shows is written out for screen readers.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape

import ipywidgets as w
import numpy as np

from course_utils import encoders, plots

MOST_LETTERS = 300
KEEP_COLORS = "forced-color-adjust:none"  # in Windows' high contrast mode, too
EDGE = "#8A8A8A"  # around a bar: seen on a white page and on a dark one


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


# ---- what is shown, as HTML ---------------------------------------------------------------------


def note(html: str, size: int = 17) -> str:
    """A line of text below a picture; screen readers read it out when it changes."""
    return f'<p role="status" aria-live="polite" style="font-size:{size}px;margin:6px 0">{html}</p>'


def bar(share: float, color: str, label: str, height: int = 17) -> str:
    """A bar as long as ``share`` (0 to 1) of its place; ``label`` says what it shows."""
    return (
        f'<div role="img" aria-label="{escape(label)}" style="{KEEP_COLORS};height:{height}px;'
        f"min-width:2px;background:{color};outline:1px solid {EDGE};"
        f'width:{100 * share:.2f}%"></div>'
    )


def bar_table(rows, size: int = 14) -> str:
    """A bar on each line: rows are ``(word, share from 0 to 1, number as written, color)``."""
    lines = [
        f'<tr><td style="text-align:right;padding:0 8px;white-space:nowrap">{escape(word)}</td>'
        f'<td style="width:340px">{bar(share, color, f"{word}: {number}")}</td>'
        f'<td style="padding:0 8px" class="probability">{number}</td></tr>'
        for word, share, number, color in rows
    ]
    return f'<table style="font-size:{size}px;line-height:1.4">{"".join(lines)}</table>'


def heat_table(matrix, rows, columns, low=0.0, high=1.0, numbers=True, colors="viridis") -> str:
    """``matrix (n, m)`` as an HTML table: shade from ``low`` to ``high``, the value on hover.

    ``numbers`` writes the value into the cell as well, black or white, whichever contrasts more.
    A table wider than its place can be scrolled.
    """
    matrix = np.asarray(matrix, dtype=float)
    shades = plots.plt.get_cmap(colors)((matrix - low) / (high - low))[..., :3]
    size = 58 if numbers else 27
    turned = "" if numbers else "writing-mode:vertical-rl;transform:rotate(180deg)"
    heads = "".join(
        '<th scope="col" style="font-weight:normal;padding:4px 0;'
        f'min-width:{size}px;{turned}">{escape(column)}</th>'
        for column in columns
    )
    lines = [f"<tr><td></td>{heads}</tr>"]
    for row, values, row_shades in zip(rows, matrix, shades, strict=True):
        cells = [
            _cell(f"{row} → {column}", value, shade, numbers)
            for column, value, shade in zip(columns, values, row_shades, strict=True)
        ]
        lines.append(
            f'<tr style="height:{round(0.8 * size)}px"><th scope="row" style="font-weight:normal;'
            f'text-align:right;padding:0 8px">{escape(row)}</th>{"".join(cells)}</tr>'
        )
    style = "font-size:17px;line-height:1.2;text-align:center;border-spacing:1px"
    table = f'<table class="heat" style="{style}">{"".join(lines)}</table>'
    # a table of many columns asks for no width of its own and is as wide as its place
    width = "width:0;min-width:100%" if len(columns) > 8 else ""
    return f'<div style="overflow-x:auto;{width}">{table}</div>'


def _cell(name: str, value: float, shade: np.ndarray, number: bool) -> str:
    """A cell of the heat table in the colour ``shade`` (red, green, blue from 0 to 1)."""
    red, green, blue = (255 * shade).round().astype(int)
    written = f"{value:.2f}"
    content, label = (written, "") if number else ("", f' aria-label="{written}"')
    return (
        f'<td title="{escape(name)}: {written}"{label} style="{KEEP_COLORS};'
        f'color:{plots.ink(shade)};background:rgb({red},{green},{blue})">{content}</td>'
    )


# ---- controls -----------------------------------------------------------------------------------


def follow(controls, picture, draw) -> None:
    """Show the HTML ``draw()`` in ``picture`` (an ipywidgets HTML) now and after each change."""
    for control in controls:
        control.observe(lambda _: show(picture, draw), "value")
    show(picture, draw)


def show(picture, draw) -> None:
    """Show the HTML ``draw()`` in ``picture``, or in its place what is wrong with the input.

    That is the message of a ValueError, TypeError or FileNotFoundError.
    """
    try:
        picture.value = draw()
    except (ValueError, TypeError, FileNotFoundError) as error:
        say(picture, str(error))


def say(picture, words: str) -> None:
    """Show ``words`` in ``picture`` as a plain message, escaped."""
    picture.value = note(escape(words))


def wait_for(control, picture) -> None:
    """Say "one moment" when the control changes: what it chooses may have to be loaded first."""
    control.observe(lambda _: say(picture, "one moment …"), "value")


def sized(width: int, label: int = 80) -> dict:
    """Options of a control: its width in pixels, less where there is less room; its label's."""
    return {
        "layout": w.Layout(width=f"{width}px", max_width="98%"),
        "style": {"description_width": f"{label}px"},
    }


def text_field(value: str, description: str, width: int = 640, label: int = 80):
    """A field for a sentence, which counts when Enter is pressed or the field is left."""
    return w.Text(
        value=value, description=description, continuous_update=False,
        placeholder="type a sentence, then press Enter", **sized(width, label),
    )  # fmt: skip


def row(*controls):
    """Controls next to each other; below each other where the window is narrow."""
    return w.HBox(controls, layout=w.Layout(flex_flow="row wrap"))
