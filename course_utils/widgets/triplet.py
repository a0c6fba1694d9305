"""The triplet loss as a picture in the plane: what pulls, what pushes, and where nothing happens.

``L = max(0, d(a, p) - d(a, n) + margin)`` with Euclidean distances (Schroff et al. 2015, FaceNet;
Reimers & Gurevych 2019, section 3). ``triplet_state`` is plain arithmetic on pairs ``(x, y)``, so
that it can be written in any language; ``triplet_svg`` draws what it returns.
"""

from __future__ import annotations

import math

import ipywidgets as w

from course_utils import plots
from course_utils.widgets import parts

LEGEND = "green: a negative here costs nothing"
STEPS = {"positive": "pull", "negative": "push", "anchor": "anchor_step"}
ARROW = 0.6  # length of a gradient of length 1 in the drawing
# narrower in a narrow window; in high contrast mode the colours stay, and so the meaning
SVG_STYLE = f"max-width:100%;height:auto;{parts.KEEP_COLORS}"
SCALE, WIDTH, HEIGHT = 62, 460, 440  # pixels for one unit; pixels of the drawing
SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))  # below first
FARTHER = (0, 26, 52)  # pixels between a word and the places next to its point


def polar(distance: float, degrees: float) -> tuple[float, float]:
    """The point at this distance from the origin; 0° is right, 90° is up."""
    angle = math.radians(degrees)
    return distance * math.cos(angle), distance * math.sin(angle)


def triplet_state(positive, negative, margin: float = 1.0, anchor=(0.0, 0.0)) -> dict:
    """The triplet loss of three points ``(x, y)``, and where one step of training moves each.

    Returns a dict:

    - ``anchor``, ``positive``, ``negative``, ``margin``: as given, floats
    - ``d_ap``, ``d_an``: the two distances
    - ``loss``: ``max(0, d_ap - d_an + margin)``
    - ``zero_from``: ``d_ap + margin``; a negative at least this far from the anchor costs nothing
    - ``pull``, ``push``, ``anchor_step``: the negative gradient at positive, negative and anchor.
      The pull points to the anchor, the push away from it, both of length 1 however far the
      points are; the anchor gets the opposite of their sum. All are (0, 0) where the loss is 0,
      and a point that lies on the anchor has no direction and gets (0, 0).

    Raises ValueError for a margin below 0 and for numbers that are not finite.
    """
    (ax, ay), (px, py), (nx, ny) = anchor, positive, negative
    if not all(math.isfinite(value) for value in (ax, ay, px, py, nx, ny, margin)):
        raise ValueError("the points and the margin must be finite numbers")
    if margin < 0:
        raise ValueError(f"the margin must be 0 or more; got {margin}")
    d_ap = math.hypot(px - ax, py - ay)
    d_an = math.hypot(nx - ax, ny - ay)
    loss = max(0.0, d_ap - d_an + margin)
    pull, push = (0.0, 0.0), (0.0, 0.0)
    if loss > 0 and d_ap > 0:
        pull = ((ax - px) / d_ap, (ay - py) / d_ap)
    if loss > 0 and d_an > 0:
        push = ((nx - ax) / d_an, (ny - ay) / d_an)
    return {
        "anchor": (float(ax), float(ay)),
        "positive": (float(px), float(py)),
        "negative": (float(nx), float(ny)),
        "margin": float(margin),
        "d_ap": d_ap,
        "d_an": d_an,
        "loss": loss,
        "zero_from": d_ap + margin,
        "pull": pull,
        "push": push,
        "anchor_step": (0.0 - pull[0] - push[0], 0.0 - pull[1] - push[1]),  # never -0.0
    }


def triplet_svg(state: dict) -> str:
    """``triplet_state``'s result as SVG: points, distances, arrows, and the green zero region."""
    colors, middle = plots.COLORS, (WIDTH / 2, HEIGHT / 2)
    center = f'cx="{middle[0]}" cy="{middle[1]}"'
    inner, outer = SCALE * state["d_ap"], SCALE * state["zero_from"]
    # the zero region is all that is outside the outer circle
    drawn = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#D5EFE4"/>',
        f'<circle {center} r="{outer:.1f}" fill="white" stroke="{colors["positive"]}"'
        ' stroke-width="2" stroke-dasharray="8 6"/>',
        f'<circle {center} r="{inner:.1f}" fill="none" stroke="#585858" stroke-dasharray="2 5"/>',
        _text(WIDTH / 2, _legend_y(state), LEGEND),
    ]
    pixels = {name: _pixel(state[name], state["anchor"]) for name in STEPS}
    # lines from the anchor, arrows over them, points over the arrows
    for name in ("positive", "negative"):
        drawn.append(_line(middle, pixels[name], colors[name], 2))
    for name, step in STEPS.items():
        drawn.append(_arrow(pixels[name], state[step], step))
    for name, (x, y) in pixels.items():
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" fill="{colors[name]}"/>')
    for word, (x, y) in word_places(state).items():
        drawn.append(_text(x, y + 6, word))
    return (
        f'<svg class="triplet" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" style="{SVG_STYLE}">'
        f"<title>{_sentence(state)}</title>{''.join(drawn)}</svg>"
    )


def word_places(state: dict) -> dict[str, tuple[float, float]]:
    """Where ``triplet_svg`` writes each word: the pixel of its middle, next to its point.

    Of several places the first that covers fewest arrows, lines, points and earlier words. The
    word "margin" is left out where the ring is too narrow for it.
    """
    taken, places = _drawn_pixels(state), {}
    for name in STEPS:
        x, y = _pixel(state[name], state["anchor"])
        places[name] = _freest(name, _spots(x, y, name), taken)
    if SCALE * state["margin"] > 24:
        # in the middle of the ring, like the hours on a clock
        ring = state["d_ap"] + state["margin"] / 2
        turns = [_pixel(polar(ring, 90 + 30 * i), (0, 0)) for i in range(12)]
        places["margin"] = _freest("margin", turns, taken)
    return places


def _legend_y(state: dict) -> float:
    """The base line of the legend: at the bottom, or at the top when the push would cross it."""
    _, y = _pixel(state["negative"], state["anchor"])
    tip = y - SCALE * ARROW * state["push"][1]
    return 24 if tip > HEIGHT - 45 else HEIGHT - 12


def _drawn_pixels(state: dict) -> list[tuple[float, float]]:
    """Pixels along everything that a word should not cover: the lines and the arrows."""
    middle, taken = (WIDTH / 2, HEIGHT / 2), []
    for name, step in STEPS.items():
        (x, y), (dx, dy) = _pixel(state[name], state["anchor"]), state[step]
        tip = x + SCALE * dx * (ARROW + 0.2), y - SCALE * dy * (ARROW + 0.2)
        taken += [*_between(middle, (x, y)), *_between((x, y), tip)]
    return taken


def _spots(x: float, y: float, name: str) -> list[tuple[float, float]]:
    """Places for a name on eight sides of its point, then the same farther away."""
    half = 5 * len(name)
    spots = []
    for more in FARTHER:
        for u, v in SIDES:
            aside = half if v else half + 14
            spots.append((x + u * (aside + more), y + v * (26 + more)))
    return spots


def triplet_html(state: dict) -> str:
    """The loss written out in figures, as it is computed."""
    d_ap, d_an, margin, loss = (state[key] for key in ("d_ap", "d_an", "margin", "loss"))
    verdict = "pull and push" if loss > 0 else "nothing moves"
    return (
        '<div role="status" aria-live="polite" style="font-size:19px;line-height:1.6">'
        f"d(a, p) = <b>{d_ap:.2f}</b><br>d(a, n) = <b>{d_an:.2f}</b>,"
        f" free from {state['zero_from']:.2f} on<br>"
        f"max(0, {d_ap:.2f} − {d_an:.2f} + {margin:.2f})<br>"
        f'loss = <b class="loss">{loss:.2f}</b>: {verdict}</div>'
    )


def triplet_figure(state: dict):
    """The same drawing as a matplotlib figure, for places without a kernel."""
    fig, ax = plots.plt.subplots(figsize=(6, 5.8))
    x0, y0 = state["anchor"]
    half = WIDTH / SCALE / 2, HEIGHT / SCALE / 2
    ax.set(xlim=(x0 - half[0], x0 + half[0]), ylim=(y0 - half[1], y0 + half[1]), aspect="equal")
    ax.set(xticks=[], yticks=[], facecolor="#D5EFE4", title=LEGEND)
    ring = {"facecolor": "white", "edgecolor": plots.COLORS["positive"], "linestyle": "--"}
    ax.add_patch(plots.plt.Circle((x0, y0), state["zero_from"], **ring))
    ax.add_patch(plots.plt.Circle((x0, y0), state["d_ap"], fill=False, color="#585858", ls=":"))
    for name, step in STEPS.items():
        (x, y), (dx, dy) = state[name], state[step]
        ax.plot([x0, x], [y0, y], color=plots.COLORS[name], linewidth=1.5)
        if (dx, dy) != (0, 0):
            ax.arrow(x, y, ARROW * dx, ARROW * dy, width=0.03, color=plots.COLORS["text"])
        ax.plot(x, y, "o", markersize=12, color=plots.COLORS[name])
    for word, (x, y) in word_places(state).items():
        place = x0 + x / SCALE - half[0], y0 - y / SCALE + half[1]
        ax.text(*place, word, ha="center", va="center", zorder=4)
    ax.set_xlabel(_sentence(state))
    return fig


def _sentence(state: dict) -> str:
    return f"d(a, p) = {state['d_ap']:.2f}, d(a, n) = {state['d_an']:.2f}, loss {state['loss']:.2f}"


def _pixel(point, anchor) -> tuple[float, float]:
    """A point in pixels: the anchor is in the middle of the drawing, and y grows downwards."""
    return (
        WIDTH / 2 + SCALE * (point[0] - anchor[0]),
        HEIGHT / 2 - SCALE * (point[1] - anchor[1]),
    )


def _text(x: float, y: float, words: str) -> str:
    """Words with a white rim, so that a line behind them does not cross them out."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="18" fill="#222222"'
        ' font-family="sans-serif" stroke="white" stroke-width="4" paint-order="stroke">'
        f"{words}</text>"
    )


def _between(start, end) -> list[tuple[float, float]]:
    """Thirteen points from start to end."""
    (x1, y1), (x2, y2) = start, end
    return [(x1 + (x2 - x1) * i / 12, y1 + (y2 - y1) * i / 12) for i in range(13)]


def _freest(word: str, spots: list, taken: list) -> tuple[float, float]:
    """The first of the spots at which the word covers fewest points of ``taken``; takes it."""
    half = 5 * len(word)  # pixels: half its width in a wide font; 13 is half its height

    def cost(spot):
        x, y = spot
        covered = sum(abs(x - u) <= half + 2 and abs(y - v) <= 13 for u, v in taken)
        # a place that is not inside the drawing is the last choice
        inside = half <= x <= WIDTH - half and 33 <= y <= HEIGHT - 33
        return covered if inside else covered + 1000

    x, y = min(spots, key=cost)
    # later words should not cover this one: three lines of pixels through it
    for v in (y - 8, y, y + 8):
        taken += _between((x - half, v), (x + half, v))
    return x, y


def _line(start, end, color: str, width: int) -> str:
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        f' stroke="{color}" stroke-width="{width}"/>'
    )


def _arrow(start, step, name: str) -> str:
    """An arrow from the pixel ``start`` along ``step``; nothing where the step is zero."""
    length = math.hypot(*step)
    if length < 1e-9:
        return ""
    ux, uy = step[0] / length, -step[1] / length
    x, y = start[0] + SCALE * ARROW * step[0], start[1] - SCALE * ARROW * step[1]
    head = [(x + 12 * ux, y + 12 * uy), (x - 7 * uy, y + 7 * ux), (x + 7 * uy, y - 7 * ux)]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in head)
    color = plots.COLORS["text"]
    return (
        f'<g class="{name}">{_line(start, (x, y), color, 5)}'
        f'<polygon points="{corners}" fill="{color}"/></g>'
    )


def triplet_geometry(margin: float = 1.0):
    """Sliders for positive, negative and margin: the loss as geometry, with its pull and push.

    Displays itself and returns the ipywidgets box. Raises ValueError for a margin outside 0 to 2.
    """
    if not 0 <= margin <= 2:
        raise ValueError(f"the margin must be between 0 and 2; got {margin}")
    wide = parts.sized(350)
    distance = {"min": 0, "max": 3, "step": 0.05, **wide}
    angle = {"min": -180, "max": 180, "step": 5, **wide}
    controls = [
        w.FloatSlider(value=1, description="d(a, p)", **distance),
        w.IntSlider(value=140, description="angle of p", **angle),
        w.FloatSlider(value=1.4, description="d(a, n)", **distance),
        w.IntSlider(value=20, description="angle of n", **angle),
        w.FloatSlider(value=margin, description="margin", min=0, max=2, step=0.05, **wide),
    ]
    drawing, figures = w.HTML(), w.HTML()

    def state():
        d_ap, angle_p, d_an, angle_n, margin = (control.value for control in controls)
        return triplet_state(polar(d_ap, angle_p), polar(d_an, angle_n), margin)

    parts.follow(controls, drawing, lambda: triplet_svg(state()))
    parts.follow(controls, figures, lambda: triplet_html(state()))
    box = parts.row(drawing, w.VBox([*controls, figures]))
    alt = "Triplet geometry: anchor, positive and negative in the plane, and where the loss is 0"
    plots.show(triplet_figure(state()), alt, widget=box)
    return box
