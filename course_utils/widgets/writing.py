"""A button that lets the language model write on, word by word, while the notebook stays usable.

The writing runs in a thread of its own, with the settings that the sliders had when it began. Only
one text is written at a time in the whole notebook. When a setting changes, the writing stops and
what it wrote stays in the list below, next to the settings that it was written with.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from html import escape

import ipywidgets as w
import numpy as np

from course_utils import language_model

MOST_TOKENS = 60
LISTED = 6
NAMES = {"temperature": "T", "top_k": "top-k", "top_p": "top-p", "min_p": "min-p"}
WRITERS = weakref.WeakSet()  # all of this notebook
ONE_AT_A_TIME = threading.Lock()


@dataclass
class Text:
    """A text that is being written, or was: what it goes on from, and the settings it has."""

    beginning: str
    how: dict
    more: str = ""
    state: str = "one moment …"

    def html(self) -> str:
        settings = " · ".join(f"{NAMES[name]} {value:g}" for name, value in self.how.items())
        settings += "" if len(self.how) > 1 else " · nothing cut"
        return (
            '<div class="written-text" style="max-width:640px;margin:8px 0;padding-left:8px;'
            f'border-left:4px solid currentColor"><small>{settings} — {escape(self.state)}</small>'
            f'<div style="white-space:pre-wrap">{escape(self.beginning)}'
            f"<b>{escape(self.more)}</b></div></div>"
        )


class Writer:
    """The buttons "Write on" and "Stop", and the list of texts, the newest first."""

    def __init__(self, read_settings, seed: int):
        self.read_settings, self.seed = read_settings, seed
        self.beginning = None  # nothing to go on from
        self.texts, self.begun = [], 0
        self.halt = None  # while a text is being written: set it, and the writing ends
        self.lock = threading.RLock()
        self.write = w.Button(
            description="Write on", icon="pencil", disabled=True,
            tooltip="The language model goes on from your text, if it has no [MASK]",
        )  # fmt: skip
        self.stop_button = w.Button(description="Stop", icon="stop", disabled=True)
        self.buttons = self.write, self.stop_button
        self.picture = w.HTML()
        self.write.on_click(self.start)
        self.stop_button.on_click(lambda _: self.stop("stopped"))
        WRITERS.add(self)

    def follow(self, beginning: str | None) -> None:
        """A control has changed: stop writing; from now on go on from ``beginning``, if any."""
        self.stop("stopped, as a setting changed")
        with self.lock:
            self.beginning = beginning
            self.show()

    def stop(self, why: str) -> None:
        """Let the writing end before its next word."""
        with self.lock:
            if self.halt is not None and not self.halt.is_set():
                self.why = why
                self.halt.set()

    def start(self, _=None) -> None:
        """Begin a text, unless one is being written."""
        for other in WRITERS - {self}:
            other.stop("stopped, as another one began")
        with self.lock:
            if self.beginning is None or self.halt is not None:
                return
            text, self.halt = Text(self.beginning, self.read_settings()), threading.Event()
            self.texts = [text, *self.texts][:LISTED]
            # each text is another one, and a second run of the cell writes the same ones again
            self.begun += 1
            rng = np.random.default_rng([self.seed, self.begun])
            self.show()
        threading.Thread(target=self.run, args=(text, self.halt, rng), daemon=True).start()

    def run(self, text: Text, halt: threading.Event, rng) -> None:
        """In the thread: draw a token, show it, and again."""
        try:
            with ONE_AT_A_TIME:
                self.draw(text, halt, rng)
        except Exception as error:  # no cell would show it
            text.state = f"this went wrong: {error}"
        with self.lock:
            self.halt = None
            self.show()

    def draw(self, text: Text, halt: threading.Event, rng) -> None:
        """Append tokens to ``text`` until it ends, is long enough, or ``halt`` is set."""
        model, ids = language_model.load(), []
        for drawn in model.draw(text.beginning, max_tokens=MOST_TOKENS, rng=rng, **text.how):
            if halt.is_set():
                text.state = f"{len(ids)} tokens, {self.why}"
                return
            ids.append(int(drawn[0]))
            text.more = model.decode(ids)
            text.state = f"writing, {len(ids)} of at most {MOST_TOKENS} tokens"
            self.show()
        text.state = f"{len(ids)} tokens"

    def show(self) -> None:
        """The list of texts as HTML, and which button can be pressed."""
        with self.lock:  # the thread and the sliders both come here
            self.picture.value = "".join(text.html() for text in self.texts)
            self.write.disabled = self.beginning is None or self.halt is not None
            self.stop_button.disabled = self.halt is None
