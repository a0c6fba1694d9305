"""Figures: a text for every picture, and the numbers that were given."""

import base64
import gc
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb

from course_utils import plots

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed, instead of displaying it: a list of (data, options)."""
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: calls.append((data, more)))
    return calls


def test_png_is_a_png_and_closes_the_figure(ax):
    data = plots.png(ax.figure)
    assert data.startswith(PNG) and data.rstrip(b"\0").endswith(b"IEND\xaeB`\x82")
    assert not plt.fignum_exists(ax.figure.number)


def test_png_keeps_no_pixels(ax):
    ax.set_title("a title")
    gc.collect()
    gc.disable()
    try:
        plots.png(ax.figure)
        assert not [thing for thing in gc.get_objects() if type(thing) is RendererAgg]
    finally:
        gc.enable()
    assert plots.png(ax.figure).startswith(PNG)  # it can be drawn once more


def test_show_displays_the_picture_with_its_text(ax, displayed):
    plots.show(ax.figure, "a line that rises")
    [(data, options)] = displayed
    assert base64.b64decode(data["image/png"]).startswith(PNG)
    assert data["text/plain"] == options["metadata"]["image/png"]["alt"] == "a line that rises"
    assert options["raw"] is True and set(data) == {"image/png", "text/plain"}


def test_show_tells_the_size_on_the_page_half_of_the_pixels(displayed):
    fig, _ = plt.subplots(figsize=(6, 3), dpi=100)
    plots.show(fig, "empty axes")
    [(data, options)] = displayed
    size = options["metadata"]["image/png"]
    png = base64.b64decode(data["image/png"])
    pixels = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    assert (size["width"], size["height"]) == (600, 300) and pixels == (1200, 600)


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_show_demands_a_text(ax, displayed, alt):
    with pytest.raises(ValueError, match="every picture needs a text alternative"):
        plots.show(ax.figure, alt)
    assert displayed == []


def test_show_gives_a_figure_with_a_widget(ax, displayed):
    import ipywidgets

    plots.show(ax.figure, "a slider", widget=ipywidgets.IntSlider())
    [(data, _)] = displayed
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert base64.b64decode(data["image/png"]).startswith(PNG)


def test_heatmap_writes_every_number_readably(ax):
    matrix = np.array([[0.0, 0.25, 0.5], [0.754, 0.9, 1.0]])
    plots.heatmap(ax, matrix, ["a", "b"], ["x", "y", "z"])
    assert [t.get_text() for t in ax.texts] == ["0.00", "0.25", "0.50", "0.75", "0.90", "1.00"]
    assert [t.get_position() for t in ax.texts] == [(j, i) for i in range(2) for j in range(3)]
    np.testing.assert_array_equal(ax.images[0].get_array(), matrix)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y", "z"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    for text, value in zip(ax.texts, matrix.flat, strict=True):
        image = ax.images[0]
        below, ink = image.cmap(image.norm(value))[:3], to_rgb(text.get_color())
        assert contrast(below, ink) >= 4.5


def test_bars_draw_the_numbers_first_on_top(ax):
    plots.bars(ax, ["one", "two"], [0.25, 0.5], intervals=[(0.2, 0.3), (0.4, 0.7)])
    assert [bar.get_width() for bar in ax.patches] == [0.25, 0.5]
    assert [t.get_text().strip() for t in ax.texts] == ["0.25", "0.50"]
    assert [t.get_position()[0] for t in ax.texts] == [0.3, 0.7]  # at the interval's end
    assert [t.get_text() for t in ax.get_yticklabels()] == ["one", "two"]
    low, high = ax.get_ylim()
    assert low > high  # upside down: the first bar is on top
    ends = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert ends == [pytest.approx([0.2, 0.3]), pytest.approx([0.4, 0.7])]


def test_no_number_is_minus_nought(ax):
    plots.bars(ax, ["one", "two"], [-0.001, -0.01])
    plots.heatmap(ax, [[-0.004, -0.2]], ["a"], ["x", "y"])
    assert [t.get_text().strip() for t in ax.texts] == ["0.00", "-0.01", "0.00", "-0.20"]


def test_bars_show_labels_as_they_are(ax):
    """A question about money is no formula."""
    plots.bars(ax, [r"from $5 to $10, or $\frac"], [1])
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())
    plots.png(ax.figure)


@pytest.mark.parametrize("steps", [1, 5, 10, 40])
def test_loss_curve_draws_the_losses_and_their_running_mean(ax, steps):
    history = np.random.default_rng(0).random(steps)
    plots.loss_curve(ax, history.tolist(), label="run", window=10)
    raw, smooth = ax.lines
    np.testing.assert_array_equal(raw.get_ydata(), history)
    window = min(10, steps)  # a short run has a short window
    means = [history[i - window + 1 : i + 1].mean() for i in range(window - 1, steps)]
    np.testing.assert_allclose(smooth.get_ydata(), means)
    assert smooth.get_xdata().tolist() == list(range(window - 1, steps))
    assert smooth.get_label() == "run"


def test_ink_is_the_one_with_more_contrast():
    for color in itertools.product(np.linspace(0, 1, 9), repeat=3):
        better = max(["black", "white"], key=lambda ink: contrast(color, to_rgb(ink)))
        assert plots.ink(color) == better


def linear(color):
    """How much light each of red, green and blue gives."""
    color = np.array(color)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """WCAG's contrast ratio of two colours, from 1 to 21."""
    low, high = sorted([linear(a) @ [0.2126, 0.7152, 0.0722], linear(b) @ [0.2126, 0.7152, 0.0722]])
    return (high + 0.05) / (low + 0.05)


def test_every_colour_with_a_meaning_shows_on_white():
    """Lines, bars and dots need a contrast of 3 to 1 (WCAG 2, 1.4.11)."""
    with plt.rc_context():
        plots.use_style()
        lines = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    colors = plots.COLORS | {f"line {i}": color for i, color in enumerate(lines)}
    del colors["decoration"]  # says nothing of its own
    ratios = {name: contrast(to_rgb(color), (1, 1, 1)) for name, color in colors.items()}
    assert {name: round(r, 2) for name, r in ratios.items() if r < 3} == {}
    assert contrast(to_rgb(plots.COLORS["text"]), (1, 1, 1)) >= 7


# How people without one kind of cones see linear red, green and blue (Machado et al. 2009).
SIGHT = {
    "full": np.eye(3),
    "no red cones": [[0.15, 1.05, -0.2], [0.11, 0.79, 0.1], [0, -0.05, 1.05]],
    "no green cones": [[0.37, 0.86, -0.23], [0.28, 0.67, 0.05], [-0.01, 0.04, 0.97]],
    "no blue cones": [[1.26, -0.08, -0.18], [-0.08, 0.93, 0.15], [0, 0.7, 0.3]],
}


def cielab(color, sight):
    """A colour as ``sight`` shows it, in CIE's L*, a*, b*: equal distances look equal."""
    rgb = np.clip(np.array(SIGHT[sight]) @ linear(to_rgb(color)), 0, 1)
    xyz = np.array([[0.434, 0.376, 0.19], [0.213, 0.715, 0.072], [0.018, 0.109, 0.873]]) @ rgb
    x, y, z = np.where(xyz > 0.009, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    "together",
    [
        ("anchor", "positive", "negative", "query"),
        ("premise", "hypothesis", "course-bert"),
        ("hypothesis", "text", "negative", "trained"),
        ("entailment", "neutral", "contradiction"),
        ("glove", "tfidf", "course-bert", "minilm", "trained"),
        ("kept", "removed", "query", "neutral"),
    ],
)
def test_colours_that_meet_in_a_figure_differ_for_every_eye(together, sight):
    for a, b in itertools.combinations(together, 2):
        gap = cielab(plots.COLORS[a], sight) - cielab(plots.COLORS[b], sight)
        assert np.linalg.norm(gap) > 15, (a, b)


def test_style_reads_from_the_back_of_a_room():
    with plt.rc_context():
        plots.use_style()
        assert plt.rcParams["font.size"] >= 12
