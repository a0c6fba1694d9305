"""What the widgets share: heat tables, bars, messages; what each displays."""

import re
from html import unescape

import ipywidgets
import numpy as np
import pytest
from driver import EVIL, inside
from matplotlib.colors import to_rgb
from test_plots import contrast

from course_utils import widgets


def cells(html):
    """(hover text, ink, background, written) of each cell."""
    pattern = (
        r'<td title="([^"]*)"(?: aria-label="[^"]*")? style="forced-color-adjust:none;'
        r'color:(\w+);background:rgb\(([\d,]+)\)">([^<]*)</td>'
    )
    return [
        (unescape(title), ink, tuple(map(int, rgb.split(","))), text)
        for title, ink, rgb, text in re.findall(pattern, html)
    ]


def test_heat_table_tells_each_value_twice():
    html = widgets.parts.heat_table([[0.0, 0.25], [0.5, 1.0]], ["a", "b"], ["c", "d"])
    assert [(title, text) for title, _, _, text in cells(html)] == [
        ("a → c: 0.00", "0.00"), ("a → d: 0.25", "0.25"),
        ("b → c: 0.50", "0.50"), ("b → d: 1.00", "1.00"),
    ]  # fmt: skip
    silent = widgets.parts.heat_table([[0.25]], ["a"], ["c"], numbers=False)
    assert [(title, text) for title, _, _, text in cells(silent)] == [("a → c: 0.25", "")]


def test_heat_table_shades_from_low_to_high():
    html = widgets.parts.heat_table(
        [[0.0, 0.2, 0.4, 0.5, 2.0]], ["a"], list("vwxyz"), 0, 0.5, colors="Blues"
    )
    light = [sum(rgb) for _, _, rgb, _ in cells(html)]
    assert light == sorted(light, reverse=True) and light[3] == light[4] < light[0] - 300


def test_numbers_are_readable_on_every_shade():
    """WCAG 2.2 asks for a contrast of 4.5."""
    for colors in ("viridis", "Blues"):
        values = np.linspace(0, 1, 101)[None]
        html = widgets.parts.heat_table(values, ["a"], ["b"] * 101, colors=colors)
        found = cells(html)
        assert {ink for _, ink, _, _ in found} == {"black", "white"} and len(found) == 101
        for _, ink, rgb, _ in found:
            assert contrast(np.array(rgb) / 255, to_rgb(ink)) >= 4.5


def test_heat_table_escapes_names():
    html = widgets.parts.heat_table([[0.5]], [f'"{EVIL}'], [EVIL])
    assert "<img" not in html and [title for title, *_ in cells(html)] == [
        f'"{EVIL} → {EVIL}: 0.50'
    ]


@pytest.mark.parametrize("error", [ValueError, TypeError, FileNotFoundError])
def test_follow_says_what_is_wrong_escaped(error):
    picture, control = ipywidgets.HTML(), ipywidgets.IntSlider()

    def draw():
        if control.value:
            raise error("<b>no such thing")
        return "drawn"

    widgets.parts.follow([control], picture, draw)
    assert picture.value == "drawn"
    control.value = 1
    assert "&lt;b&gt;no such thing" in picture.value


@pytest.mark.parametrize(
    "make, argument, words",
    [
        (widgets.attention_explorer, r"Costs $5, a \$frac_{1}$", "who looks at whom"),
        (widgets.mask_explorer, "She paid $5 or $6 for the [MASK].", "the best words for"),
        (widgets.pooling_explorer, ["from $5", "to $10 \\$x$"], "cosines between"),
        (widgets.triplet_geometry, 1.0, "anchor, positive and negative"),
    ],
)
def test_each_displays_itself_beside_a_figure_with_text(displayed, make, argument, words):
    """Dollars are no formula, neither in a title nor in a label."""
    box = make(argument)
    [(data, options)] = displayed
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    assert "image/png" in data and words in options["metadata"]["image/png"]["alt"]
    values = [part for part in inside(box) if isinstance(part, ipywidgets.ValueWidget)]
    unnamed = [c for c in values if not isinstance(c, ipywidgets.HTML) and not c.description]
    assert values and not unnamed


def test_what_a_shade_says_is_written_for_screen_readers_and_high_contrast():
    html = widgets.parts.heat_table([[0.25]], ["a"], ["c"], numbers=False)
    assert 'aria-label="0.25"' in html and '<th scope="col"' in html and '<th scope="row"' in html
    bars = widgets.parts.bar_table([("mat", 0.5, "0.50", "red")])
    assert 'role="img" aria-label="mat: 0.50"' in bars
    edge, dark = to_rgb(widgets.parts.EDGE), to_rgb("#111111")  # JupyterLab's dark page
    assert "outline" in bars and min(contrast(edge, (1, 1, 1)), contrast(edge, dark)) >= 3
    assert "forced-color-adjust:none" in html and "forced-color-adjust:none" in bars
    assert 'aria-live="polite"' in widgets.parts.note("entropy 1.00 bits")
