"""The widgets in the real notebooks, in the real JupyterLab, in Chromium: by mouse and keyboard.

Needs a Chromium (see conftest.py); without one all of this is skipped, and says so. What must be
shown is computed here, by the plain functions that the unit tests prove.
"""

import math
import re

import numpy as np
import pytest
from browser import (
    ROOT,
    control,
    drag,
    errors_in,
    eventually,
    for_its_widgets,
    opened,
    press,
    readout,
    run_all,
    widget,
    write,
    write_readout,
)
from driver import EVIL

from course_utils import masked, widgets

NOTES = "[1, 3], as in the notes"


@pytest.fixture(scope="class")
def notebook(request, shown, server):  # in this order: without a Chromium no server is started
    """The class's notebook, open, with the cells run that its widgets need."""
    nb = for_its_widgets(ROOT / "notebooks" / f"{request.cls.name}.ipynb")
    with opened(shown, server, nb) as seen:
        run_all(seen.page)
        yield seen


@pytest.fixture(autouse=True)
def calm(notebook, server):
    """After each test: nothing complained, nothing ran that was typed, no traceback anywhere."""
    yield
    assert notebook.complaints == []
    assert notebook.page.locator("img[src=x], img[onerror]").count() == 0
    assert errors_in(notebook.page).count() == 0
    assert "Traceback" not in notebook.page.locator(".jp-Notebook").inner_text()
    assert "Traceback" not in LEFT.sub("", server.log.read_text())


# What the server notes when a page closed while a message was on its way to it; a pair of errors.
LEFT = re.compile(
    r"Traceback \(most recent call last\):(?:(?!Traceback).)*?"
    r"tornado\.(?:iostream\.StreamClosedError: Stream is closed|websocket\.WebSocketClosedError)",
    re.DOTALL,
)


def text_of(box):
    """All that the widget says."""
    return box.inner_text()


def hovers(box):
    """The hover texts of a heat table, cell by cell."""
    return box.locator("table.heat td[title]").evaluate_all("tds => tds.map(td => td.title)")


# ---- search: notebooks 1 and 4 ------------------------------------------------------------------


def hits(box):
    """(score, question) of each row of the results."""
    rows = box.locator("tr").evaluate_all(
        "rows => rows.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
    )
    return [(float(score), text) for score, text in rows]


class Search:
    """What holds for a search box, in whichever notebook it is."""

    @pytest.fixture
    def box(self, notebook):
        return widget(notebook.page, "threshold")

    def test_search_follows_typing_and_ends_on_the_last_letter(self, box):
        press(box, "threshold", "Home")
        press(box, "top-k", "End")
        eventually(lambda: len(hits(box)), lambda n: n > 5)
        for row in (-1, 2):  # questions of the bank: each must find itself
            question = hits(box)[row][1]
            write(box, "question", question, enter=False)
            eventually(lambda question=question: hits(box)[:1], [(1.0, question)])

    def test_search_sliders(self, box):
        press(box, "top-k", "Home")
        eventually(lambda: len(hits(box)), 1)
        press(box, "threshold", "End")
        write(box, "question", "zzz qqq", enter=False)
        eventually(lambda: text_of(box), lambda text: "No match" in text)
        press(box, "threshold", "Home")
        drag(box, "top-k", 1, 0, 0.7, 0.2, 0.5)
        eventually(lambda: len(hits(box)) == int(readout(box, "top-k")), True)

    def test_search_shows_code_as_text(self, box):
        press(box, "threshold", "Home")
        write(box, "question", EVIL, enter=False)
        eventually(lambda: len(hits(box)), lambda n: n >= 1)
        write(box, "question", " ", enter=False)
        eventually(lambda: text_of(box), lambda text: "Type a question above." in text)


# ---- notebook 1 ---------------------------------------------------------------------------------


class TestNotebook1(Search):
    name = "01_from_rnn_to_bert"

    def test_attention_follows_sentence_encoder_layer_and_head(self, notebook):
        box = widget(notebook.page, "head")

        def shown(sentence, encoder):
            """Whether the table is what the model says for what the controls say."""
            chosen = readout(box, "head")
            head = 0 if chosen == "mean of heads" else int(chosen)
            layer = int(readout(box, "layer"))
            try:
                tokens, weights = widgets.attention.attention_weights(
                    sentence, encoder, layer, head
                )
            except ValueError:
                return False  # the sliders are still those of the other encoder
            near = [f"{a} → {b}: " for a in tokens for b in tokens]
            found = hovers(box)
            if [title[: len(start)] for title, start in zip(found, near, strict=False)] != near:
                return False
            numbers = [float(title.rsplit(" ", 1)[1]) for title in found]
            return np.allclose(numbers, weights.ravel(), atol=0.0051)

        write(box, "sentence", "The boat came to the bank.")
        control(box, "encoder").locator("select").select_option("minilm")
        eventually(lambda: shown("The boat came to the bank.", "minilm"), True)
        press(box, "layer", "Home", "ArrowRight", "ArrowRight")
        press(box, "head", "End", "ArrowLeft")
        assert (readout(box, "layer"), readout(box, "head")) == ("3", "11")
        eventually(lambda: shown("The boat came to the bank.", "minilm"), True)
        drag(box, "head", 0, 1, 0.2, 0.6)
        drag(box, "layer", 1, 0, 0.9)
        eventually(lambda: shown("The boat came to the bank.", "minilm"), True)
        control(box, "encoder").locator("select").select_option("course-bert")
        write(box, "sentence", "It is 5 o'clock!")
        eventually(lambda: shown("It is 5 o'clock!", "course-bert"), True)

    def test_attention_shows_code_as_text_and_plain_messages(self, notebook):
        box = widget(notebook.page, "head")
        write(box, "sentence", EVIL)
        eventually(lambda: text_of(box), lambda text: "<" in text and "er" in text)
        for text, words in (("", "is empty"), ("so " * 60, "use fewer words")):
            write(box, "sentence", text)
            eventually(lambda: text_of(box), lambda shown, words=words: words in shown)
            assert hovers(box) == []

    def test_mask_follows_sentence_and_slider(self, notebook):
        box = widget(notebook.page, "candidates")

        def bars():
            rows = "rows => rows.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
            return [tuple(row) for row in box.locator("tr").evaluate_all(rows)]

        def right(sentence):
            found = bars()
            best = masked.fill_mask(sentence, int(readout(box, "candidates")))
            numbers = [float(percent.rstrip("%")) / 100 for _, percent in found]
            return [word for word, _ in found] == [c.word for c in best] and np.allclose(
                numbers, [c.probability for c in best], atol=0.002
            )

        for sentence in ("He drank a cup of [MASK].", "The [MASK] barked all night."):
            write(box, "sentence", sentence)
            eventually(lambda sentence=sentence: right(sentence), True)
        press(box, "candidates", "Home")
        eventually(lambda: len(bars()), 1)
        drag(box, "candidates", 1, 0, 1, 0.4)
        eventually(lambda: right("The [MASK] barked all night."), True)

    def test_mask_says_what_is_wrong(self, notebook):
        box = widget(notebook.page, "candidates")
        for text, words in (
            ("no gap at all", "write exactly one [MASK] into the sentence; found 0"),
            ("[MASK] or [MASK]", "write exactly one [MASK] into the sentence; found 2"),
            ("", "the sentence is empty"),
            (EVIL, "found 0"),
        ):
            write(box, "sentence", text)
            eventually(lambda: text_of(box), lambda shown, words=words: words in shown)
        write(box, "sentence", f"{EVIL} [MASK]")
        eventually(lambda: box.locator("tr").count(), lambda n: n > 0)


# ---- notebook 2 ---------------------------------------------------------------------------------


class TestNotebook2:
    name = "02_mean_pooling"

    @pytest.fixture
    def box(self, notebook):
        return widget(notebook.page, "count the padding")

    def shown(self, box):
        """Whether the heat map is what the plain function says for what the controls say."""
        sentences = [control(box, str(i)).locator("input").input_value() for i in range(1, 7)]
        encoder = control(box, "encoder").locator("select").input_value()
        pooling = control(box, "pooling").locator("select").input_value()
        padding = box.locator("input[type=checkbox]").is_checked()
        cosines, note = widgets.pooling.pooled_similarity(sentences, encoder, pooling, padding)
        found = box.locator("table.heat td[title]").all_inner_texts()
        return (
            len(found) == 36
            and np.allclose(np.array(found, dtype=float), cosines.ravel(), atol=0.0051)
            and note in text_of(box)
        )

    def test_pooling_follows_every_control(self, box):
        eventually(lambda: self.shown(box), True)
        before = hovers(box)
        write(box, "3", "The ferry to the island leaves at noon, whatever the weather may be.")
        eventually(lambda: self.shown(box), True)
        assert hovers(box) != before
        box.locator("input[type=checkbox]").click()
        eventually(lambda: self.shown(box), True)
        for pooling in ("cls", "max", "mean"):
            control(box, "pooling").locator("select").select_option(pooling)
            eventually(lambda: self.shown(box), True)
        for encoder in ("minilm", "glove", "course-bert"):
            control(box, "encoder").locator("select").select_option(encoder)
            eventually(lambda: self.shown(box), True)

    def test_pooling_ends_on_the_last_of_many_clicks(self, box):
        for _ in range(9):
            box.locator("input[type=checkbox]").click()
        eventually(lambda: self.shown(box), True)

    def test_pooling_shows_code_as_text_and_plain_messages(self, box):
        for field in range(1, 7):
            write(box, str(field), EVIL)
        eventually(lambda: self.shown(box), True)
        write(box, "2", "")
        eventually(lambda: text_of(box), lambda text: "sentence 2 is empty" in text)
        write(box, "2", "qqzzx")
        control(box, "encoder").locator("select").select_option("glove")
        eventually(lambda: text_of(box), lambda text: "sentence 2 has no word" in text)


# ---- notebook 3 ---------------------------------------------------------------------------------


class TestNotebook3:
    name = "03_training_objectives"

    @pytest.fixture
    def box(self, notebook):
        return widget(notebook.page, "angle of n")

    def state(self, box):
        """What the drawing must show, from what the sliders say."""
        d_ap, angle_p, d_an, angle_n, margin = (
            float(readout(box, label))
            for label in ("d(a, p)", "angle of p", "d(a, n)", "angle of n", "margin")
        )
        points = widgets.triplet.polar(d_ap, angle_p), widgets.triplet.polar(d_an, angle_n)
        return widgets.triplet.triplet_state(*points, margin)

    def shown(self, box):
        """Whether loss, arrows and points are right."""
        state, scale = self.state(box), widgets.triplet.SCALE
        svg = box.locator("svg.triplet")
        arrows = set(svg.locator("g").evaluate_all("gs => gs.map(g => g.getAttribute('class'))"))
        moved = {step for step in widgets.triplet.STEPS.values() if math.hypot(*state[step]) > 1e-9}
        points = svg.locator("circle[r='10']").evaluate_all(
            "cs => cs.map(c => [c.cx.baseVal.value, c.cy.baseVal.value])"
        )
        wanted = [
            (widgets.triplet.WIDTH / 2 + scale * x, widgets.triplet.HEIGHT / 2 - scale * y)
            for x, y in (state[name] for name in widgets.triplet.STEPS)
        ]
        loss = box.locator("b.loss").inner_text()
        return (
            loss == f"{state['loss']:.2f}"
            and arrows == moved
            and np.allclose(points, wanted, atol=0.1)
        )

    def test_triplet_follows_every_slider(self, box):
        for label in ("d(a, p)", "angle of p", "d(a, n)", "angle of n", "margin"):
            press(box, label, "ArrowRight", "PageUp", "ArrowRight", "ArrowLeft")
            eventually(lambda: self.shown(box), True)

    def test_triplet_has_a_zero_region(self, box):
        write_readout(box, "d(a, p)", "0.5")
        write_readout(box, "margin", "0.5")
        press(box, "d(a, n)", "Home", *["ArrowRight"] * 10)
        eventually(lambda: (self.shown(box), self.state(box)["loss"]), (True, 0.5))
        write_readout(box, "d(a, n)", "1.5")
        eventually(lambda: (self.shown(box), self.state(box)["loss"]), (True, 0))
        assert box.locator("svg.triplet g").count() == 0

    def test_triplet_ends_where_a_fast_drag_ends(self, box):
        drag(box, "d(a, n)", 1, 0, 0.8, 0.3)
        drag(box, "angle of p", 0, 1, 0.3)
        eventually(lambda: self.shown(box), True)

    def test_triplet_takes_no_nonsense(self, box):
        before = readout(box, "margin")
        write_readout(box, "margin", EVIL)
        eventually(lambda: (readout(box, "margin"), self.shown(box)), (before, True))


# ---- notebook 4 ---------------------------------------------------------------------------------


class TestNotebook4(Search):
    name = "04_inference_and_sampling"

    @pytest.fixture
    def explorer(self, notebook):
        box = widget(notebook.page, "temperature")
        box.get_by_role("button", name="Reset").click()
        return box

    def choose(self, box, name):
        """Choose logits and wait for the kernel, which sets the sliders again."""
        control(box, "logits").locator("select").select_option(name)
        words = widgets.example_logits()[name][0]
        of = f"of {len(words):,}"
        eventually(lambda: of in text_of(box) and self.k(box) == len(words), True)

    def k(self, box):
        """The k that is written next to its slider."""
        return int(control(box, "k =").locator("input").input_value())

    def rows(self, box):
        rows = "rows => rows.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
        return box.locator("tr").evaluate_all(rows)

    def bars(self, box):
        return dict(self.rows(box))

    def right(self, box, words, logits):
        """Whether bars and figures are what the plain function says for what the sliders say."""
        temperature, top_p = (float(readout(box, label)) for label in ("temperature", "top-p"))
        k = self.k(box)
        if k > len(words):
            return False  # still that of the text before
        state = widgets.sampling.apply_settings(logits, temperature, k, top_p)
        found = self.rows(box)
        numbers = [float(p) for _, p in found]
        return (
            [word for word, _ in found] == [words[i] for i in state["shown"]]
            and np.allclose(numbers, state["probabilities"][state["shown"]], atol=0.0051)
            and f"kept {state['kept']:,} of {len(words):,}" in text_of(box)
        )

    def test_temperature_shows_the_table_of_the_notes(self, explorer):
        self.choose(explorer, NOTES)
        table = {
            "0.5": {"B": "0.98", "A": "0.02"},
            "1": {"B": "0.88", "A": "0.12"},
            "2": {"B": "0.73", "A": "0.27"},
        }
        for temperature, bars in table.items():
            write_readout(explorer, "temperature", temperature)
            eventually(lambda: self.bars(explorer), bars)
        for temperature, bars in table.items():  # from 0.05 on, in steps of 0.05
            steps = round((float(temperature) - 0.05) / 0.05)
            press(explorer, "temperature", "Home", *["ArrowRight"] * steps)
            assert float(readout(explorer, "temperature")) == float(temperature)
            eventually(lambda: self.bars(explorer), bars)

    def test_top_k_of_1_leaves_one_bar(self, explorer):
        self.choose(explorer, NOTES)
        press(explorer, "top-k", "Home")
        eventually(lambda: self.bars(explorer), {"B": "1.00", "A": "0.00"})
        self.choose(explorer, "The cat sat on the … (12 words)")
        drag(explorer, "top-k", 0)
        eventually(lambda: sorted(self.bars(explorer).values()), ["0.00"] * 11 + ["1.00"])

    def test_k_is_typed(self, explorer):
        name = "100,000 words"
        self.choose(explorer, name)
        write(explorer, "k =", "60")
        eventually(lambda: "kept 60 of 100,000" in text_of(explorer), True)
        eventually(lambda: self.right(explorer, *widgets.example_logits()[name]), True)

    def test_fast_drags_end_on_the_last_value(self, explorer):
        name = "100,000 words"
        self.choose(explorer, name)
        drag(explorer, "temperature", 1, 0.1, 0.9, 0, 0.35)
        drag(explorer, "top-p", 0.1, 0.9, 0.3, 0.8)
        drag(explorer, "top-k", 0, 0.9, 0.2, 0.7)
        eventually(lambda: self.right(explorer, *widgets.example_logits()[name]), True)

    def test_draws_words_that_are_kept(self, explorer):
        self.choose(explorer, "The cat sat on the … (12 words)")
        press(explorer, "top-k", "Home", "ArrowRight")
        eventually(lambda: list(self.bars(explorer).values()).count("0.00"), 10)
        explorer.get_by_role("button", name="Draw 20 words").click()
        drawn = re.compile(r"^(?:(?:mat|sofa)(?: · )?){20}$", re.M)
        eventually(lambda: text_of(explorer), lambda text: drawn.search(text) is not None)

    def test_typed_text_changes_the_bars(self, explorer):
        self.choose(explorer, NOTES)
        for text in ("He drank a cup of [MASK].", "The opposite of hot is"):
            write(explorer, "your text", text)
            words, logits = widgets.sampling.text_logits(text)
            words = [widgets.sampling.readable(word) for word in words]
            eventually(lambda words=words, z=logits: self.right(explorer, words, z), True)

    def test_it_writes_on_word_by_word_until_stopped(self, explorer):
        write(explorer, "your text", f"A tale of {EVIL} is")
        eventually(lambda: f"SmolLM2 goes on: “A tale of {EVIL} is" in text_of(explorer), True)
        texts = explorer.locator(".written-text")
        before = texts.count()
        button = explorer.get_by_role("button", name="Write on")
        stop = explorer.get_by_role("button", name="Stop")
        seen = []
        for change in (lambda: stop.click(), lambda: press(explorer, "temperature", "ArrowLeft")):
            button.click()
            for least in (5, 30):  # it grows while one looks
                eventually(lambda n=least: len(texts.first.locator("b").text_content()) > n, True)
            assert button.is_disabled()
            change()
            eventually(lambda: (button.is_enabled(), stop.is_disabled()), (True, True))
            seen.append(texts.first.text_content())
        assert "tokens, stopped" in seen[0] and "stopped, as a setting changed" in seen[1]
        assert texts.count() == min(before + 2, 6) and seen[0] == texts.nth(1).text_content()

    def test_nonsense_gets_a_plain_message(self, explorer):
        exactly_one = "write exactly one [MASK]"
        for text, words in (("", "is empty"), ("[MASK] [MASK]", exactly_one)):
            write(explorer, "your text", text)
            eventually(lambda: text_of(explorer), lambda shown, words=words: words in shown)
        sentence = f"{EVIL} [MASK]"
        write(explorer, "your text", sentence)
        logits = masked.mask_logits(sentence)
        eventually(lambda: self.right(explorer, *logits), True)
        before = readout(explorer, "temperature")
        write_readout(explorer, "temperature", EVIL)
        eventually(lambda: readout(explorer, "temperature"), before)
