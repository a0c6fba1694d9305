"""The sampling explorer: sliders for temperature, top-k and top-p, and bars that follow them.

What it computes is a plain function, ``apply_settings``; the widget only shows it. Bars are drawn
as HTML, which is fast enough to follow a slider. Text that a person typed, or that comes from data,
is always escaped.
"""

from __future__ import annotations

from html import escape

import numpy as np

from course_utils import masked, plots, sampling
from course_utils.widgets import parts

YOUR_SENTENCE = "your sentence"

DOZEN = {
    "mat": 4.2, "sofa": 3.9, "floor": 3.6, "roof": 2.9, "bed": 2.7, "chair": 2.5, "table": 2.1,
    "wall": 1.4, "keyboard": 0.8, "moon": -0.6, "tax": -2.0, "of": -3.1,
}  # fmt: skip


def example_logits() -> dict[str, tuple[list[str], np.ndarray]]:
    """Logits to play with, by name: ``(words, logits (vocab,))``. All but the first are made up."""
    rng = np.random.default_rng(0)
    vocab = 100_000
    large = 9.0 - 1.1 * np.log(np.arange(1, vocab + 1)) + rng.normal(0, 0.5, vocab)
    return {
        "[1, 3], as in the notes": (["A", "B"], np.array([1.0, 3.0])),
        "The cat sat on the … (12 words)": (list(DOZEN), np.array(list(DOZEN.values()))),
        "100,000 words": ([f"word {i:,}" for i in range(1, vocab + 1)], np.sort(large)[::-1]),
    }


def apply_settings(logits, temperature: float, top_k: int, top_p: float, bars: int = 12) -> dict:
    """What the sampling explorer shows for ``logits (vocab,)``: temperature, top-k, then top-p.

    Returns ``probabilities (vocab,)`` after all three, ``shown`` (ids of the most probable
    tokens, at most ``bars``), ``kept`` (how many can still be drawn), ``mass`` (their share
    before anything was cut) and ``entropy`` in bits. Raises as the functions of ``sampling``.
    """
    full = sampling.softmax(logits, temperature)
    scaled = np.log(full, where=full > 0, out=np.full_like(full, -np.inf))
    probabilities = sampling.softmax(sampling.top_p(sampling.top_k(scaled, top_k), top_p))
    kept = probabilities > 0
    return {
        "probabilities": probabilities,
        "shown": sampling.best_rows(full, min(bars, len(full))),
        "kept": int(kept.sum()),
        "mass": float(full[kept].sum()),
        "entropy": float(sampling.entropy(probabilities)),
    }


def bars_html(words, state: dict) -> str:
    """The bars of ``apply_settings`` as an HTML table; cut words are grey and read 0.00."""
    rows = []
    for i in state["shown"]:
        p = state["probabilities"][i]
        color = plots.COLORS["kept" if p > 0 else "removed"]
        rows.append(
            f'<tr><td style="text-align:right;padding:0 8px;white-space:nowrap">{escape(words[i])}'
            '</td><td style="width:340px"><div style="height:17px;min-width:2px;'
            f'background:{color};width:{100 * p:.2f}%"></div></td>'
            f'<td style="padding:0 8px" class="probability">{p:.2f}</td></tr>'
        )
    n = len(state["probabilities"])
    return (
        f'<table style="font-size:14px;line-height:1.4">{"".join(rows)}</table>'
        f'<p style="font-size:14px;margin:6px 0">entropy <b>{state["entropy"]:.2f} bits</b> · '
        f"kept <b>{state['kept']:,}</b> of {n:,} · kept mass <b>{state['mass']:.3f}</b></p>"
    )


def top_k_options(n: int) -> list[tuple[str, int]]:
    """Slider stops for k: every number to 12, then 1-2-5 steps, then all n."""
    steps = [m * 10**e for e in range(1, 8) for m in (1, 2, 5)]
    stops = sorted({*range(1, min(n, 12) + 1), *(s for s in steps if s < n), n})
    return [(f"{stop:,}" if stop < n else f"all {n:,}", stop) for stop in stops]


def sampling_explorer(logits: dict | None = None, seed: int = 0, sentence: str | None = None):
    """Sliders for temperature, top-k and top-p over a choice of logits; bars; a button to draw.

    logits: ``{name: (words, logits (vocab,))}``, by default ``example_logits()``. sentence: with
    one ``[MASK]``; its logits from course-bert come first in the choice, and a field lets the
    reader type another. Displays itself and returns the ipywidgets box. Raises as
    ``masked.mask_logits``.
    """
    import ipywidgets as w

    choices = dict(logits or example_logits())
    if sentence is not None:
        choices = {YOUR_SENTENCE: masked.mask_logits(sentence)} | choices
    wide = {"style": {"description_width": "90px"}, "layout": w.Layout(width="440px")}
    choice = w.Dropdown(options=list(choices), description="logits", **wide)
    temperature = w.FloatSlider(
        value=1, min=0.05, max=5, step=0.05, description="temperature", **wide
    )
    top_k = w.SelectionSlider(options=[("1", 1)], description="top-k", **wide)
    top_p = w.FloatSlider(value=1, min=0.05, max=1, step=0.05, description="top-p", **wide)
    draw = w.Button(description="Draw 20 words", icon="random")
    reset = w.Button(description="Reset", icon="undo")
    picture, drawn = w.HTML(), w.HTML()
    rng, busy = np.random.default_rng(seed), []

    def update(_=None):
        if busy:
            return
        words, values = choices[choice.value]
        try:
            state = apply_settings(values, temperature.value, top_k.value, top_p.value)
        except ValueError as error:
            parts.say(picture, str(error))
            return
        picture.value, drawn.value = bars_html(words, state), ""

    def start(_=None):
        busy.append(True)  # several sliders move at once: draw the picture only after the last
        top_k.options = top_k_options(len(choices[choice.value][1]))
        top_k.index = len(top_k.options) - 1
        temperature.value = top_p.value = 1
        busy.clear()
        update()

    def sample(_):
        words, values = choices[choice.value]
        state = apply_settings(values, temperature.value, top_k.value, top_p.value)
        ids = sampling.sample(state["probabilities"], 20, rng)
        text = " · ".join(escape(words[i]) for i in ids)
        drawn.value = f'<p style="font-size:14px;max-width:520px;line-height:1.5">{text}</p>'

    def read_sentence(_=None):
        try:
            choices[YOUR_SENTENCE] = masked.mask_logits(typed.value)
        except ValueError as error:
            parts.say(picture, str(error))
            drawn.value = ""
            return
        if choice.value == YOUR_SENTENCE:
            start()
        else:
            choice.value = YOUR_SENTENCE  # which starts

    typed = w.Text(value=sentence or "", description="sentence", continuous_update=False, **wide)
    typed.observe(read_sentence, "value")
    choice.observe(start, "value")
    for slider in (temperature, top_k, top_p):
        slider.observe(update, "value")
    draw.on_click(sample)
    reset.on_click(start)
    start()
    field = [] if sentence is None else [typed]
    box = w.VBox([*field, choice, temperature, top_k, top_p, w.HBox([draw, reset]), picture, drawn])
    words, values = choices[choice.value]
    state = apply_settings(values, 1.0, len(values), 1.0)
    fig, ax = plots.plt.subplots(figsize=(7, 1 + 0.35 * len(state["shown"])))
    plots.bars(
        ax, [words[i] for i in state["shown"]], state["probabilities"][state["shown"]],
        plots.COLORS["kept"],
    )  # fmt: skip
    ax.set_title(f"{sentence or choice.value}: T = 1, all kept", parse_math=False)
    ax.set_xlabel("probability")
    plots.show(fig, "Sampling explorer: bars of probabilities at temperature 1", widget=box)
    return box
