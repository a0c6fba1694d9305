"""The triplet loss in the plane, compared with PyTorch's loss and its gradients; its widget."""

import math
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from driver import Explorer
from hypothesis import assume, example, given
from hypothesis import strategies as st

from course_utils import plots, widgets

POINT = st.tuples(st.floats(-5, 5, width=32), st.floats(-5, 5, width=32))
ZERO = (0.0, 0.0)
STEPPED = st.integers(12, 58), st.integers(-36, 36)  # the sliders' steps: 0.05 and 5 degrees


def reference(positive, negative, margin, anchor):
    """Loss and negative gradients of PyTorch's triplet_margin_loss, in float64."""
    points = [
        torch.tensor([p], dtype=torch.float64, requires_grad=True)
        for p in (anchor, positive, negative)
    ]
    loss = torch.nn.functional.triplet_margin_loss(*points, margin=margin, eps=0)
    loss.backward()
    return loss.item(), [-p.grad[0].numpy() for p in points]


@given(POINT, POINT, st.floats(0.01, 3), POINT)
def test_triplet_state_equals_pytorch_with_gradients(positive, negative, margin, anchor):
    state = widgets.triplet.triplet_state(positive, negative, margin, anchor)
    assume(abs(state["d_ap"] - state["d_an"] + margin) > 1e-9)  # on the edge PyTorch still moves
    assume(min(state["d_ap"], state["d_an"]) > 1e-6 or positive == anchor or negative == anchor)
    loss, steps = reference(positive, negative, margin, anchor)
    assert state["loss"] == pytest.approx(loss, abs=1e-9)
    ours = [state["anchor_step"], state["pull"], state["push"]]
    np.testing.assert_allclose(ours, steps, atol=1e-9)


def test_the_numbers_of_a_worked_example():
    state = widgets.triplet.triplet_state((0, 3), (4, 0), 2)
    assert (state["d_ap"], state["d_an"], state["loss"], state["zero_from"]) == (3, 4, 1, 5)
    assert state["pull"] == (0, -1) and state["push"] == (1, 0)  # to the anchor, away from it
    assert state["anchor_step"] == (-1, 1)


def test_nothing_moves_from_the_zero_region_on():
    for far in (5, 5.1, 100):
        state = widgets.triplet.triplet_state((0, 3), (far, 0), 2)
        assert state["loss"] == 0
        assert state["pull"] == state["push"] == state["anchor_step"] == ZERO
    assert widgets.triplet.triplet_state((0, 3), (4.999, 0), 2)["push"] == (1, 0)


def test_a_point_on_the_anchor_has_no_direction():
    state = widgets.triplet.triplet_state(ZERO, ZERO, 0.5)
    assert state["loss"] == 0.5
    assert state["pull"] == state["push"] == state["anchor_step"] == ZERO


def test_a_step_along_the_arrows_lowers_the_loss():
    before = widgets.triplet.triplet_state((1, 1), (-0.5, 1), 1)
    moved = {
        name: tuple(x + 0.1 * dx for x, dx in zip(before[name], before[step], strict=True))
        for name, step in widgets.triplet.STEPS.items()
    }
    assert widgets.triplet.triplet_state(**moved, margin=1)["loss"] < before["loss"] - 0.2


@pytest.mark.parametrize(
    "arguments, words",
    [
        (((0, 1), (1, 0), -0.1), "margin must be 0 or more"),
        (((0, math.nan), (1, 0), 1), "finite"),
        (((0, 1), (math.inf, 0), 1), "finite"),
        (((0, 1), (1, 0), math.nan), "finite"),
    ],
)
def test_triplet_state_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        widgets.triplet.triplet_state(*arguments)


@given(st.floats(0, 10), st.floats(-720, 720))
def test_polar(distance, degrees):
    expected = distance * np.exp(1j * np.deg2rad(degrees))
    np.testing.assert_allclose(
        widgets.triplet.polar(distance, degrees), (expected.real, expected.imag), atol=1e-9
    )


def drawn(state):
    """The drawing's elements, once it is well-formed."""
    return ET.fromstring(widgets.triplet.triplet_svg(state))


def centers(svg):
    """Where the circle of each colour is drawn, in pixels."""
    return {
        c.get("fill"): (float(c.get("cx")), float(c.get("cy")))
        for c in svg.iter("circle")
        if c.get("r") == "10"
    }


def test_points_are_drawn_in_their_colours_where_they_are():
    at = centers(drawn(widgets.triplet.triplet_state((1, 0), (0, 2), 1)))
    x, y = widgets.triplet.WIDTH / 2, widgets.triplet.HEIGHT / 2
    assert at == {
        plots.COLORS["anchor"]: (x, y),
        plots.COLORS["positive"]: (x + widgets.triplet.SCALE, y),
        plots.COLORS["negative"]: (x, y - 2 * widgets.triplet.SCALE),
    }


def test_the_anchor_stands_in_the_middle_wherever_it_is():
    here = widgets.triplet.triplet_svg(widgets.triplet.triplet_state((1, 0), (0, 2), 1))
    there = widgets.triplet.triplet_svg(
        widgets.triplet.triplet_state((4, 3), (3, 5), 1, anchor=(3, 3))
    )
    assert here == there


def test_the_border_of_the_zero_region():
    svg = drawn(widgets.triplet.triplet_state((1, 0), (0, 2), 0.5))
    outer, inner = [float(c.get("r")) for c in svg.iter("circle")][:2]
    assert (outer, inner) == (1.5 * widgets.triplet.SCALE, widgets.triplet.SCALE)


def test_arrows_only_where_something_moves():
    arrows = {"pull", "push", "anchor_step"}
    svg = drawn(widgets.triplet.triplet_state((0, 1), (1, 0), 1))
    assert {g.get("class") for g in svg.iter("g")} == arrows
    assert not list(drawn(widgets.triplet.triplet_state((0, 1), (3, 0), 1)).iter("g"))
    opposite = drawn(
        widgets.triplet.triplet_state((1, 0), (2, 0), 2)
    )  # the anchor's two steps add to 0
    assert {g.get("class") for g in opposite.iter("g")} == arrows - {"anchor_step"}


def test_the_push_points_outwards():
    svg = drawn(widgets.triplet.triplet_state((0, 1), (-1, 1), 1))
    push = next(g for g in svg.iter("g") if g.get("class") == "push")
    line = {key: float(value) for key, value in push.find("line").items() if key in "x1y1x2y2"}
    assert line["x2"] < line["x1"] < widgets.triplet.WIDTH / 2  # left and up, away from the anchor
    assert line["y2"] < line["y1"] < widgets.triplet.HEIGHT / 2


@given(st.floats(0, 3), st.floats(-180, 180))
def test_the_sliders_points_and_their_names_stay_inside_the_drawing(distance, degrees):
    svg = drawn(widgets.triplet.triplet_state(widgets.triplet.polar(distance, degrees), (1, 0), 1))
    x, y = centers(svg)[plots.COLORS["positive"]]
    assert 10 <= x <= widgets.triplet.WIDTH - 10 and 10 <= y <= widgets.triplet.HEIGHT - 10
    for name in widgets.triplet.STEPS:
        x, y = written(svg)[name]
        half = 5 * len(name)
        assert half <= x <= widgets.triplet.WIDTH - half and 12 <= y <= widgets.triplet.HEIGHT - 30


def written(svg):
    """The middle of each word, in pixels: a text's y is its base line, 6 below the middle."""
    return {t.text: (float(t.get("x")), float(t.get("y")) - 6) for t in svg.iter("text")}


@example(42, 0, 51, -18, 9)
@given(STEPPED[0], STEPPED[1], STEPPED[0], STEPPED[1], st.integers(0, 40))
def test_no_arrow_runs_through_a_word(d_ap, angle_p, d_an, angle_n, margin):
    points = [widgets.triplet.polar(d / 20, 5 * a) for d, a in ((d_ap, angle_p), (d_an, angle_n))]
    svg = drawn(widgets.triplet.triplet_state(*points, margin / 20))
    words = written(svg)
    assert words.keys() >= widgets.triplet.STEPS.keys()
    for arrow in svg.iter("g"):
        end = {key: float(arrow.find("line").get(key)) for key in ("x1", "y1", "x2", "y2")}
        xs, ys = np.linspace((end["x1"], end["y1"]), (end["x2"], end["y2"]), 50).T
        for word, (x, y) in words.items():
            through = (abs(xs - x) < 4 * len(word)) & (abs(ys - y) < 7)
            assert not through.any(), f"{arrow.get('class')} through {word!r}"


def test_the_margin_is_named_where_its_ring_has_room():
    assert "margin" in written(drawn(widgets.triplet.triplet_state((1, 0), (0, 2), 0.5)))
    assert "margin" not in written(drawn(widgets.triplet.triplet_state((1, 0), (0, 2), 0.3)))


def test_the_loss_written_out():
    html = widgets.triplet.triplet_html(widgets.triplet.triplet_state((0, 1.2), (1.6, 0), 1))
    assert "max(0, 1.20 − 1.60 + 1.00)" in html and "free from 2.20 on" in html
    assert re.search(r'class="loss">0.60</b>: pull and push', html)
    html = widgets.triplet.triplet_html(widgets.triplet.triplet_state((0, 1.2), (2.2, 0), 1))
    assert re.search(r'class="loss">0.00</b>: nothing moves', html)


def test_the_static_figure_shows_the_same():
    fig = widgets.triplet.triplet_figure(widgets.triplet.triplet_state((0, 1.2), (1.6, 0), 1))
    [ax] = fig.axes
    circle = next(p for p in ax.patches if isinstance(p, plt.Circle))
    assert circle.radius == 2.2
    places = widgets.triplet.word_places(widgets.triplet.triplet_state((0, 1.2), (1.6, 0), 1))
    for text in ax.texts:  # the same places, in units: the anchor is (0, 0), y grows upwards
        x, y = places[text.get_text()]
        want = (
            (x - widgets.triplet.WIDTH / 2) / widgets.triplet.SCALE,
            (widgets.triplet.HEIGHT / 2 - y) / widgets.triplet.SCALE,
        )
        np.testing.assert_allclose(text.get_position(), want, atol=1e-9)
    assert ax.get_xlabel() == "d(a, p) = 1.20, d(a, n) = 1.60, loss 0.60"
    assert {text.get_text() for text in ax.texts} == {"anchor", "positive", "negative", "margin"}
    plt.close(fig)


# ---- the widget ----


@pytest.mark.usefixtures("displayed")
def test_triplet_geometry_follows_its_sliders():
    triplet = Explorer(widgets.triplet_geometry(0.5))
    assert triplet["margin"].value == 0.5
    settings = {"d(a, p)": 2, "angle of p": 90, "d(a, n)": 1, "angle of n": -180, "margin": 1.25}
    for name, value in settings.items():
        triplet[name].value = value
    state = widgets.triplet.triplet_state((0, 2), (-1, 0), 1.25)
    drawing, figures = (picture.value for picture in triplet.pictures)
    assert drawing == widgets.triplet.triplet_svg(
        state
    ) and figures == widgets.triplet.triplet_html(state)
    assert 'class="loss">2.25<' in figures and 'class="push"' in drawing
    triplet["d(a, p)"].value, triplet["d(a, n)"].value = 0.5, 3
    drawing, figures = (picture.value for picture in triplet.pictures)
    assert 'class="loss">0.00<' in figures and 'class="push"' not in drawing


@pytest.mark.parametrize("margin", [-0.1, 2.1, float("nan")])
def test_triplet_geometry_refuses_a_margin_its_slider_does_not_hold(margin):
    with pytest.raises(ValueError, match="margin must be between 0 and 2"):
        widgets.triplet_geometry(margin)
