"""The sampling explorer: a text or other logits, sliders, bars that follow, and a writing button.

``sampling`` computes what is shown, ``writing`` writes on.
"""

from __future__ import annotations

from html import escape

import ipywidgets as w
import numpy as np

from course_utils import plots, sampling
from course_utils.widgets import parts
from course_utils.widgets.sampling import (
    BEGINNING,
    MASK,
    apply_settings,
    asked,
    bars_html,
    example_logits,
    readable,
    sampling_figure,
    text_logits,
    top_k_options,
)
from course_utils.widgets.writing import Writer

YOUR_TEXT = "your text"


class _Explorer:
    """The controls of the sampling explorer and what each of them sets in motion."""

    def __init__(self, choices: dict, seed: int, text: str | None):
        wide = parts.sized(440, 90)
        self.choices, self.rng = choices, np.random.default_rng(seed)
        self.error = None  # what is wrong with the text that was typed
        self.moving = False  # several controls move at once: draw only after the last
        self.text = parts.text_field(text or "", "your text", 440, 90)
        self.choice = w.Dropdown(options=list(choices), description="logits", **wide)
        self.temperature = w.FloatSlider(
            value=1, min=0.05, max=5, step=0.05, description="temperature", **wide
        )
        self.stops = w.SelectionSlider(
            options=[("1", 1)], description="top-k", readout=False, **parts.sized(320, 90)
        )
        self.k = w.BoundedIntText(description="k =", min=1, **parts.sized(120, 35))
        self.top_p = w.FloatSlider(value=1, min=0.05, max=1, step=0.05, description="top-p", **wide)
        self.min_p = w.FloatSlider(value=0, min=0, max=1, step=0.05, description="min-p", **wide)
        self.draw = w.Button(description="Draw 20 words", icon="random")
        self.reset = w.Button(description="Reset", icon="undo")
        self.picture, self.drawn = w.HTML(), w.HTML()
        self.writer = Writer(self.how, seed)
        self.text.observe(self.read_text, "value")
        self.choice.observe(self.start, "value")
        self.stops.observe(self.slide_k, "value")
        self.k.observe(self.type_k, "value")
        self.draw.on_click(self.draw_words)
        self.reset.on_click(self.start)
        for slider in (self.temperature, self.top_p, self.min_p):
            slider.observe(self.update, "value")

    def box(self, with_text: bool):
        """All controls below each other."""
        buttons = [self.draw, self.reset, *(self.writer.buttons if with_text else [])]
        shown = [self.picture, self.drawn, *([self.writer.picture] if with_text else [])]
        return w.VBox([
            *([self.text] if with_text else []), self.choice, self.temperature,
            parts.row(self.stops, self.k), self.top_p, self.min_p, parts.row(*buttons), *shown,
        ])  # fmt: skip

    def logits(self) -> tuple:
        """Words and logits of the choice; the error of a text that has none."""
        if self.choice.value == YOUR_TEXT and self.error is not None:
            raise self.error.with_traceback(None)
        return self.choices[self.choice.value]

    def how(self) -> dict:
        """The sliders' settings; a cut that cuts nothing is left out."""
        settings = {"temperature": self.temperature.value}
        if self.k.value < self.k.max:
            settings["top_k"] = self.k.value
        if self.top_p.value < 1:
            settings["top_p"] = self.top_p.value
        if self.min_p.value > 0:
            settings["min_p"] = self.min_p.value
        return settings

    def state(self) -> dict:
        """What ``apply_settings`` says for the controls as they are."""
        sliders = self.temperature, self.k, self.top_p, self.min_p
        return apply_settings(self.logits()[1], *(slider.value for slider in sliders))

    def html(self) -> str:
        """The bars; above them which model was asked for what."""
        bars = bars_html(self.logits()[0], self.state())
        mine = self.choice.value == YOUR_TEXT
        return (parts.note(asked(self.text.value), 14) if mine else "") + bars

    def update(self, _=None):
        """Draw the bars; words drawn before, and a text being written, do not fit them any more."""
        if self.moving:
            return
        self.drawn.value = ""
        parts.show(self.picture, self.html)
        goes_on = self.choice.value == YOUR_TEXT and MASK not in self.text.value
        self.writer.follow(self.text.value if goes_on and self.error is None else None)

    def start(self, _=None):
        """Temperature 1, and every word of the chosen logits kept."""
        self.moving = True
        self.temperature.value, self.top_p.value, self.min_p.value = 1, 1, 0
        if not (self.choice.value == YOUR_TEXT and self.error is not None):
            n = len(self.logits()[1])
            self.stops.options = top_k_options(n)
            self.stops.value = self.k.max = self.k.value = n
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
        except (ValueError, TypeError, FileNotFoundError):
            return  # the picture says what is wrong
        words = self.logits()[0]
        text = " · ".join(escape(readable(words[i])) for i in ids)
        self.drawn.value = f'<div style="max-width:520px">{parts.note(text, 14)}</div>'

    def read_text(self, _=None):
        """The logits of the text that was typed; what is wrong with it takes the bars' place."""
        self.writer.follow(None)
        parts.say(self.picture, "one moment …")  # the model may have to be loaded first
        try:
            self.choices[YOUR_TEXT] = text_logits(parts.checked(self.text.value, "the text"))
            self.error = None
        except (ValueError, TypeError, FileNotFoundError) as error:
            self.error = error
        if self.choice.value == YOUR_TEXT:
            self.start()
        else:
            self.choice.value = YOUR_TEXT  # which starts


def sampling_explorer(logits: dict | None = None, seed: int = 0, sentence: str | None = None):
    """Sliders for temperature, top-k, top-p and min-p; bars; buttons to draw and to write on.

    sentence: a text that the language model goes on with, or one with ``[MASK]``, which course-bert
    fills; its logits come first in the choice, and the reader can type another. logits: other
    choices, ``{name: (words, logits (vocab,))}``, by default ``example_logits()``; given alone,
    they are all there is. Displays itself and returns the ipywidgets box. Raises ValueError for
    a sentence that is empty or has two ``[MASK]``; if a model is missing, the widget says so.
    """
    text = BEGINNING if sentence is None and logits is None else sentence
    choices = dict(logits or example_logits())
    if text is not None:
        choices = {YOUR_TEXT: ([], np.array([]))} | choices
    explorer = _Explorer(choices, seed, text)
    if text is None:
        explorer.start()
    else:
        explorer.read_text()
    if isinstance(explorer.error, (ValueError, TypeError)):
        raise explorer.error
    box = explorer.box(with_text=text is not None)
    # without the language model the figure shows the next choice
    name = list(choices)[0 if explorer.error is None else 1]
    title = text if name == YOUR_TEXT else name
    figure = sampling_figure(*choices[name], title)
    plots.show(figure, "Sampling explorer: bars of probabilities at temperature 1", widget=box)
    return box
