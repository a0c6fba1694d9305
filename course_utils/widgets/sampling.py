"""The sampling explorer: sliders for temperature, top-k and top-p, and bars that follow them.

What it computes is a plain function, ``apply_settings``; the widget only shows it. Bars are drawn
as HTML, which is fast enough to follow a slider. Text that a person typed, or that comes from data,
is always escaped.
"""

from __future__ import annotations

import math
from html import escape

import ipywidgets as w
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
    before anything was cut) and ``entropy`` in bits. Raises the same errors as the
    functions of ``sampling``.
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


def written(probability: float) -> str:
    """A probability to two digits; a small one, but not 0, to two digits that say something."""
    if not 0 < probability < 0.005:
        return f"{probability:.2f}"
    digits = 1 - math.floor(math.log10(probability))
    return f"{probability:.{digits}f}" if digits <= 6 else "< 0.000001"


def bars_html(words, state: dict) -> str:
    """The bars of ``apply_settings`` as an HTML table; cut words are grey and read 0.00."""
    bars = []
    for i in state["shown"]:
        p = state["probabilities"][i]
        color = plots.COLORS["kept" if p > 0 else "removed"]
        bars.append((words[i], p, escape(written(p)), color))
    n = len(state["probabilities"])
    return parts.bar_table(bars) + parts.note(
        f"entropy <b>{state['entropy']:.2f} bits</b> · kept <b>{state['kept']:,}</b> of {n:,} · "
        f"kept mass <b>{state['mass']:.3f}</b>",
        14,
    )


def top_k_options(n: int) -> list[tuple[str, int]]:
    """Slider stops for k: every number to 12, then 1-2-5 steps, then all n."""
    steps = [m * 10**e for e in range(1, 8) for m in (1, 2, 5)]
    stops = sorted({*range(1, min(n, 12) + 1), *(s for s in steps if s < n), n})
    return [(f"{stop:,}" if stop < n else f"all {n:,}", stop) for stop in stops]


class _Explorer:
    """The controls of the sampling explorer and what each of them sets in motion."""

    def __init__(self, choices: dict, seed: int, sentence: str):
        wide = parts.sized(440, 90)
        self.choices, self.rng = choices, np.random.default_rng(seed)
        self.moving = False  # several controls move at once: draw only after the last
        self.sentence = parts.text_field(sentence, "sentence", 440, 90)
        self.choice = w.Dropdown(options=list(choices), description="logits", **wide)
        self.temperature = w.FloatSlider(
            value=1, min=0.05, max=5, step=0.05, description="temperature", **wide
        )
        self.stops = w.SelectionSlider(
            options=[("1", 1)], description="top-k", readout=False, **parts.sized(330, 90)
        )
        self.k = w.BoundedIntText(description="k =", min=1, **parts.sized(110, 25))
        self.top_p = w.FloatSlider(value=1, min=0.05, max=1, step=0.05, description="top-p", **wide)
        self.draw = w.Button(description="Draw 20 words", icon="random")
        self.reset = w.Button(description="Reset", icon="undo")
        self.picture, self.drawn = w.HTML(), w.HTML()
        self.sentence.observe(self.read_sentence, "value")
        self.choice.observe(self.start, "value")
        self.stops.observe(self.slide_k, "value")
        self.k.observe(self.type_k, "value")
        self.draw.on_click(self.draw_words)
        self.reset.on_click(self.start)
        for slider in (self.temperature, self.top_p):
            slider.observe(self.update, "value")
        self.start()

    def state(self) -> dict:
        """What ``apply_settings`` says for the controls as they are."""
        logits = self.choices[self.choice.value][1]
        return apply_settings(logits, self.temperature.value, self.k.value, self.top_p.value)

    def html(self) -> str:
        return bars_html(self.choices[self.choice.value][0], self.state())

    def update(self, _=None):
        """Draw the bars; words drawn before do not fit them any more."""
        if not self.moving:
            self.drawn.value = ""
            parts.show(self.picture, self.html)

    def start(self, _=None):
        """Temperature 1, and every word of the chosen logits kept."""
        n = len(self.choices[self.choice.value][1])
        self.moving = True
        self.stops.options = top_k_options(n)
        self.stops.value = self.k.max = self.k.value = n
        self.temperature.value = self.top_p.value = 1
        self.moving = False
        self.update()

    def slide_k(self, _):
        """The slider moved: its stop is k."""
        if not self.moving:
            self.k.value = self.stops.value

    def type_k(self, _):
        """A number was typed: the slider goes to the last stop up to it."""
        moving, self.moving = self.moving, True
        self.stops.value = max(stop for _, stop in self.stops.options if stop <= self.k.value)
        self.moving = moving
        self.update()

    def draw_words(self, _):
        """Twenty words with the probabilities that the bars show."""
        try:
            ids = sampling.sample(self.state()["probabilities"], 20, self.rng)
        except ValueError:
            return  # the picture says what is wrong
        words = self.choices[self.choice.value][0]
        text = " · ".join(escape(words[i]) for i in ids)
        self.drawn.value = f'<div style="max-width:520px">{parts.note(text, 14)}</div>'

    def read_sentence(self, _):
        """The logits of the sentence that was typed, or what is wrong with it."""
        try:
            self.choices[YOUR_SENTENCE] = masked.mask_logits(parts.checked(self.sentence.value))
        except (ValueError, TypeError) as error:
            parts.say(self.picture, str(error))
            self.drawn.value = ""
            return
        if self.choice.value == YOUR_SENTENCE:
            self.start()
        else:
            self.choice.value = YOUR_SENTENCE  # which starts


def sampling_explorer(logits: dict | None = None, seed: int = 0, sentence: str | None = None):
    """Sliders for temperature, top-k and top-p over a choice of logits; bars; a button to draw.

    logits: ``{name: (words, logits (vocab,))}``, by default ``example_logits()``. sentence: with
    one ``[MASK]``; its logits from course-bert come first in the choice, and a field lets the
    reader type another. Displays itself and returns the ipywidgets box. Raises the same errors as
    ``masked.mask_logits``.
    """
    choices = dict(logits or example_logits())
    if sentence is not None:
        choices = {YOUR_SENTENCE: masked.mask_logits(sentence)} | choices
    explorer = _Explorer(choices, seed, sentence or "")
    box = w.VBox([
        *([] if sentence is None else [explorer.sentence]),
        explorer.choice, explorer.temperature, parts.row(explorer.stops, explorer.k),
        explorer.top_p, parts.row(explorer.draw, explorer.reset), explorer.picture, explorer.drawn,
    ])  # fmt: skip
    words, values = choices[explorer.choice.value]
    figure = sampling_figure(words, values, sentence or explorer.choice.value)
    plots.show(figure, "Sampling explorer: bars of probabilities at temperature 1", widget=box)
    return box


def sampling_figure(words, logits, title: str):
    """The bars at temperature 1 as a matplotlib figure, for places without a kernel."""
    state = apply_settings(logits, 1.0, len(logits), 1.0)
    best = state["shown"]
    fig, ax = plots.plt.subplots(figsize=(7, 1 + 0.35 * len(best)))
    bars = [words[i] for i in best], state["probabilities"][best]
    plots.bars(ax, *bars, plots.COLORS["kept"])
    ax.set_title(f"{title}: T = 1, all kept", parse_math=False)
    ax.set_xlabel("probability")
    return fig
