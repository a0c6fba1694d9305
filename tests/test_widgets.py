"""The widgets, driven as a reader drives them: sliders are moved, buttons pressed, text typed."""

import re
from collections import Counter
from html import unescape

import ipywidgets
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils import masked, plots, sampling, widgets
from course_utils.search import Hit, Index

NOTES = "[1, 3], as in the notes"
EVIL = "<img src=x onerror=alert(1)>"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"


pytestmark = pytest.mark.usefixtures("displayed")


def find(box, kind, description=None):
    """The one control of a kind (and description) somewhere in the box."""

    def inside(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from inside(child)

    found = [
        w for w in inside(box)
        if isinstance(w, kind) and (description is None or w.description == description)
    ]  # fmt: skip
    assert len(found) == 1
    return found[0]


def shown(html):
    """(word, probability as written, width of the bar) of each row of the bars."""
    row = r"<tr><td[^>]*>(.*?)</td>.*?width:([\d.]+)%.*?class=\"probability\">([\d.]+)</td></tr>"
    return [(word, p, float(width)) for word, width, p in re.findall(row, html)]


# ---- what is computed ---------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(0, 2**32), st.floats(0.05, 5), st.floats(0.05, 1), st.data())
def test_explore_equals_the_sampling_functions(n, seed, temperature, top_p, data):
    """Temperature, then top-k, then top-p; with ties, too."""
    logits = np.random.default_rng(seed).integers(-6, 7, n) / 2
    top_k = data.draw(st.integers(1, n))
    state = widgets.sampling.apply_settings(logits, temperature, top_k, top_p)
    cut = sampling.top_p(sampling.top_k(logits / temperature, top_k), top_p)
    full = sampling.softmax(logits, temperature)
    expected = sampling.softmax(cut)
    kept = np.isfinite(cut)
    reached = full[kept].sum() / np.sort(full)[-top_k:].sum()
    assume(abs(reached - top_p) > 1e-9)  # on the border, rounding decides what is kept
    np.testing.assert_allclose(state["probabilities"], expected, atol=1e-12)
    assert state["kept"] == kept.sum()
    assert state["mass"] == pytest.approx(full[kept].sum())
    assert state["entropy"] == pytest.approx(sampling.entropy(expected))
    best = sorted(range(n), key=lambda i: (-logits[i], i))[:12]
    assert state["shown"].tolist() == best  # the earlier ones of a tie, as top-k keeps them


def test_explore_of_100_000_words():
    words, logits = widgets.example_logits()["100,000 words"]
    state = widgets.sampling.apply_settings(logits, 1.0, 50, 1.0)
    assert len(words) == len(logits) == 100_000
    assert state["kept"] == 50 and state["shown"].tolist() == list(range(12))
    assert 0.3 < state["mass"] < 1
    assert widgets.sampling.apply_settings(logits, 1.0, 100_000, 1.0)["mass"] == pytest.approx(1)


@pytest.mark.parametrize("arguments", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 3, 1)])
def test_explore_refuses_as_the_sampling_functions(arguments):
    with pytest.raises(ValueError, match="must be"):
        widgets.sampling.apply_settings([1.0, 3.0], *arguments)


def test_sample_logits_are_whole():
    choices = widgets.example_logits()
    assert choices[NOTES][1].tolist() == [1, 3]
    assert [len(words) for words, _ in choices.values()] == [2, 12, 100_000]
    for words, logits in choices.values():
        assert len(set(words)) == len(words) == len(logits) and np.isfinite(logits).all()


@pytest.mark.parametrize("n", [1, 2, 11, 12, 13, 20, 21, 100_000])
def test_top_k_options(n):
    options = widgets.sampling.top_k_options(n)
    stops = [stop for _, stop in options]
    assert stops == sorted(set(stops)) and stops[0] == 1 and stops[-1] == n
    assert stops[: min(n, 12)] == list(range(1, min(n, 12) + 1))
    assert options[-1] == (f"all {n:,}", n) and len(options) < 30
    assert all(label == f"{stop:,}" for label, stop in options[:-1])


# ---- the bars -----------------------------------------------------------------------------------


def test_bars_html():
    html = widgets.sampling.bars_html(
        ["A", "B"], widgets.sampling.apply_settings([1.0, 3.0], 1.0, 2, 1.0)
    )
    assert shown(html) == [("B", "0.88", 88.08), ("A", "0.12", 11.92)]
    assert "entropy <b>0.53 bits</b>" in html
    assert "kept <b>2</b> of 2" in html and "kept mass <b>1.000</b>" in html
    assert html.count(plots.COLORS["kept"]) == 2 and plots.COLORS["removed"] not in html


def test_cut_words_are_grey_and_read_0():
    html = widgets.sampling.bars_html(
        ["A", "B"], widgets.sampling.apply_settings([1.0, 3.0], 1.0, 1, 1.0)
    )
    assert shown(html) == [("B", "1.00", 100), ("A", "0.00", 0)]
    assert html.count(plots.COLORS["removed"]) == 1 and "kept mass <b>0.881</b>" in html


def test_words_are_escaped():
    html = widgets.sampling.bars_html(
        [EVIL, "a & b"], widgets.sampling.apply_settings([1.0, 3.0], 1.0, 2, 1.0)
    )
    assert "<img" not in html and ESCAPED in html and "a &amp; b" in html


# ---- the sampling explorer ----------------------------------------------------------------------


class Explorer:
    """The explorer's controls, by name."""

    def __init__(self, *arguments, **options):
        self.box = widgets.sampling_explorer(*arguments, **options)
        self.choice = find(self.box, ipywidgets.Dropdown)
        self.temperature = find(self.box, ipywidgets.FloatSlider, "temperature")
        self.top_p = find(self.box, ipywidgets.FloatSlider, "top-p")
        self.top_k = find(self.box, ipywidgets.SelectionSlider, "top-k")
        self.draw = find(self.box, ipywidgets.Button, "Draw 20 words")
        self.reset = find(self.box, ipywidgets.Button, "Reset")
        self.picture, self.drawn = self.box.children[-2:]

    def bars(self):
        return {word: p for word, p, _ in shown(self.picture.value)}


@pytest.mark.parametrize(
    "temperature, bars",
    [
        (1, {"A": "0.12", "B": "0.88"}),
        (0.5, {"A": "0.02", "B": "0.98"}),
        (2, {"A": "0.27", "B": "0.73"}),
    ],
)
def test_explorer_shows_the_table_of_the_notes(temperature, bars):
    explorer = Explorer()
    assert explorer.choice.value == NOTES and explorer.bars() == {"A": "0.12", "B": "0.88"}
    explorer.temperature.value = temperature
    assert explorer.bars() == bars


def test_explorer_top_k_of_1_leaves_one_bar():
    explorer = Explorer()
    explorer.top_k.value = 1
    assert explorer.bars() == {"B": "1.00", "A": "0.00"}
    assert "entropy <b>0.00 bits</b>" in explorer.picture.value


def test_explorer_top_p():
    explorer = Explorer()
    explorer.choice.value = "The cat sat on the … (12 words)"
    explorer.top_p.value = 0.5
    logits = np.array(list(widgets.sampling.DOZEN.values()))
    expected = sampling.softmax(sampling.top_p(logits, 0.5))
    words = zip(widgets.sampling.DOZEN, expected, strict=True)
    assert explorer.bars() == {word: f"{p:.2f}" for word, p in words}
    assert 0 < sum(p == "0.00" for p in explorer.bars().values()) < 12


def test_explorer_starts_anew_with_other_logits_and_on_reset():
    explorer = Explorer()
    for start in (
        lambda: setattr(explorer.choice, "value", "100,000 words"),
        lambda: explorer.reset.click(),
    ):
        explorer.temperature.value, explorer.top_p.value, explorer.top_k.index = 3, 0.5, 0
        start()
        assert (explorer.temperature.value, explorer.top_p.value) == (1, 1)
        assert explorer.top_k.value == len(widgets.example_logits()[explorer.choice.value][0])
    assert "kept <b>100,000</b> of 100,000" in explorer.picture.value
    assert len(explorer.bars()) == 12
    explorer.choice.value = NOTES  # from a large k to a vocabulary of 2
    assert explorer.top_k.value == 2 and explorer.bars() == {"A": "0.12", "B": "0.88"}


def drawn_words(explorer):
    [text] = re.findall(r"<p[^>]*>(.*?)</p>", explorer.drawn.value)
    return text.split(" · ")


def test_explorer_draws_only_words_that_are_kept():
    explorer = Explorer()
    assert explorer.drawn.value == ""
    explorer.choice.value = "The cat sat on the … (12 words)"
    explorer.temperature.value, explorer.top_k.value = 5, 4
    seen = Counter()
    for _ in range(10):
        explorer.draw.click()
        assert len(drawn_words(explorer)) == 20
        seen.update(drawn_words(explorer))
    assert set(seen) == {"mat", "sofa", "floor", "roof"}
    explorer.top_k.value = 1
    assert explorer.drawn.value == ""  # words drawn before no longer fit the bars
    explorer.draw.click()
    assert drawn_words(explorer) == ["mat"] * 20


def test_explorer_draws_the_same_words_for_the_same_seed():
    draws = []
    for seed in (0, 0, 1):
        explorer = Explorer(seed=seed)
        explorer.draw.click()
        draws.append(drawn_words(explorer))
    assert draws[0] == draws[1] != draws[2]


def test_explorer_escapes_words_that_are_shown_and_drawn():
    explorer = Explorer({EVIL: ([EVIL, "$5 & $6"], np.array([9.0, 1.0]))})
    explorer.draw.click()
    for html in (explorer.picture.value, explorer.drawn.value):
        assert "<img" not in html and ESCAPED in html


def test_explorer_says_what_is_wrong_with_the_logits():
    """Plainly, in the picture's place; nothing else breaks."""
    good, bad = (["A", "B"], np.array([1.0, 3.0])), (["A", "B"], np.array([1.0, np.nan]))
    explorer = Explorer({"good": good, "bad": bad})
    explorer.choice.value = "bad"
    assert ">logits hold NaN" in explorer.picture.value
    explorer.draw.click()
    assert explorer.drawn.value == ""
    explorer.choice.value = "good"
    assert explorer.bars() == {"A": "0.12", "B": "0.88"}


def test_explorer_displays_itself_beside_a_figure_with_text(displayed):
    explorer = Explorer()
    [(data, options)] = displayed
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.box.model_id
    assert "image/png" in data and "Sampling explorer" in options["metadata"]["image/png"]["alt"]


# ---- the search box -----------------------------------------------------------------------------


class FirstLetters:
    """An encoder for which a text without the letters a to e is a mistake."""

    name, dim, fingerprint = "first letters", 5, "first letters"

    def encode(self, texts, batch_size=32, show_progress=False):
        counts = np.array([[text.lower().count(c) for c in "abcde"] for text in texts])
        if not counts.any(axis=1).all():
            raise ValueError(f"no known word: {texts[0]!r}")
        return counts.astype(np.float32)


BANK = ["abc?", "aaa", "from $5 to $10, a bcd", f"bbb {EVIL}", "ede"]


@pytest.fixture
def index():
    return Index.build(FirstLetters(), BANK)


class SearchBox:
    """The search box's controls, by name."""

    def __init__(self, *arguments, **options):
        self.box = widgets.search_box(*arguments, **options)
        self.text = find(self.box, ipywidgets.Text)
        self.top_k = find(self.box, ipywidgets.IntSlider)
        self.threshold = find(self.box, ipywidgets.FloatSlider)
        self.results = self.box.children[-1]

    def found(self):
        """(score, text) of each row of the results."""
        row = r"<tr><td[^>]*>(.*?)</td>.*?<td[^>]*>([^<]*)</td></tr>"
        rows = re.findall(row, self.results.value)
        return [(float(score), text) for score, text in rows]


def test_search_box_follows_what_is_typed(index):
    search = SearchBox(index)
    assert search.results.value == "<p>Type a question above.</p>" and search.top_k.value == 5
    for question in ("aab", "ccd"):
        search.text.value = question
        expected = [(round(hit.score, 2), hit.text) for hit in index.search(question, 5, 0)]
        assert [(score, unescape(text)) for score, text in search.found()] == expected
    search.text.value = "  "
    assert search.results.value == "<p>Type a question above.</p>"


def test_search_box_sliders(index):
    search = SearchBox(index, "aaa", top_k=3)
    assert len(search.found()) == 3
    search.top_k.value = 1
    assert search.found() == [(1.0, "aaa")]
    search.text.value, search.threshold.value = "eab", 0.95
    assert search.results.value == "<p>No match: nothing in the bank reaches the threshold.</p>"


@pytest.mark.parametrize(
    "threshold, read", [(0.4971, 0.5), (np.float32(0.72), 0.72), (1, 1), (0, 0)]
)
def test_search_box_starts_at_the_threshold_given(threshold, read, index):
    """And searches with what its slider reads, which a mouse or a key can reach again."""
    search = SearchBox(index, "eab", threshold=threshold)
    assert search.threshold.value == read and search.threshold.readout_format == ".2f"
    expected = [(round(hit.score, 2), hit.id) for hit in index.search("eab", 5, read)]
    assert [(score, BANK.index(unescape(text))) for score, text in search.found()] == expected
    steps = read / search.threshold.step
    assert steps == pytest.approx(round(steps))


@pytest.mark.parametrize("threshold", [-0.1, 1.2, np.nan])
def test_search_box_refuses_a_threshold_that_its_slider_cannot_show(threshold, index):
    with pytest.raises(ValueError, match="threshold must be from 0 to 1, .*got"):
        widgets.search_box(index, "aaa", threshold=threshold)


def test_search_box_draws_the_threshold_and_only_hits_that_reach_it(index, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "show", lambda fig, alt, widget=None: drawn.append(fig))
    for threshold, lines in ((0.5, [0.5]), (0.0, [])):
        widgets.search_box(index, f"abc {EVIL}", threshold=threshold)
        [ax] = drawn.pop().axes
        assert [line.get_xdata()[0] for line in ax.lines] == lines
        scores = sorted(bar.get_width() for bar in ax.patches)
        hits = index.search(f"abc {EVIL}", 5, threshold)
        assert scores == sorted(hit.score for hit in hits) and len(scores) < 6
        plots.plt.close(ax.figure)


def test_search_box_never_asks_for_more_than_there_is(index):
    search = SearchBox(index, "aaa", top_k=50)
    assert search.top_k.value == search.top_k.max == 5 and len(search.found()) == 5


def test_search_box_escapes(index):
    search = SearchBox(index, "bbb")
    assert "<img" not in search.results.value and ESCAPED in search.results.value
    search.text.value = "<i>zzz</i>"  # a mistake that quotes what was typed
    assert search.results.value.endswith(">no known word: &#x27;&lt;i&gt;zzz&lt;/i&gt;&#x27;</p>")


def test_search_box_says_plainly_what_is_wrong(index):
    search = SearchBox(index)
    search.text.value = "zzz"
    assert search.results.value.endswith(">no known word: &#x27;zzz&#x27;</p>")
    search.text.value = "aaa"
    assert search.found()[0] == (1.0, "aaa")


def test_search_box_refuses_a_first_question_that_cannot_be_searched(index):
    with pytest.raises(ValueError, match="no known word: 'zzz'"):
        widgets.search_box(index, "zzz")


@pytest.mark.parametrize("question", ["", "aab", r"a $\frac or $5, \$10?", "a_b^c {"])
def test_search_box_displays_itself_beside_a_figure_with_text(index, displayed, question):
    """A question with dollars is no formula, neither in the title nor among the bars."""
    search = SearchBox(index, question)
    [(data, options)] = displayed
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == search.box.model_id
    assert question in options["metadata"]["image/png"]["alt"]


def test_hits_html():
    html = widgets.search.hits_html([Hit(3, "a < b", 0.456), Hit(0, "other", -0.2)])
    assert "0.46" in html and "width:45.6%" in html and "a &lt; b" in html
    assert "-0.20" in html and "width:0.0%" in html  # no bar to the left
    assert (
        widgets.search.hits_html([])
        == "<p>No match: nothing in the bank reaches the threshold.</p>"
    )


# ---- the sampling explorer over a sentence that the reader types --------------------------------


def test_explorer_without_a_sentence_has_no_field():
    with pytest.raises(AssertionError):
        find(Explorer().box, ipywidgets.Text)


def test_explorer_starts_with_the_logits_of_the_sentence(displayed):
    explorer = Explorer(sentence="She paid $5 for the [MASK].")
    words, logits = masked.mask_logits("She paid $5 for the [MASK].")
    best = np.argsort(-logits, kind="stable")[:12]
    assert explorer.choice.value == widgets.sampling.YOUR_SENTENCE
    assert list(explorer.bars()) == [words[i] for i in best]
    assert explorer.top_k.value == len(words)
    assert NOTES in explorer.choice.options  # the other choices are still there
    assert "image/png" in displayed[0][0]


def test_explorer_follows_a_new_sentence_from_any_choice():
    explorer = Explorer(sentence="She read the [MASK].")
    first, typed = explorer.bars(), find(explorer.box, ipywidgets.Text)
    typed.value = "He drank a cup of [MASK]."
    second = explorer.bars()
    assert second != first
    explorer.choice.value, explorer.temperature.value = NOTES, 2
    typed.value = "She read the [MASK]."
    assert explorer.choice.value == widgets.sampling.YOUR_SENTENCE and explorer.bars() == first
    assert explorer.temperature.value == 1


def test_explorer_says_what_is_wrong_with_the_sentence():
    explorer = Explorer(sentence="She read the [MASK].")
    typed, before = find(explorer.box, ipywidgets.Text), explorer.picture.value
    for text in ("no gap", EVIL, "", "[MASK] or [MASK]"):
        typed.value = text
        assert "write exactly one [MASK]" in explorer.picture.value
        assert "<img" not in explorer.picture.value
    typed.value = "She read the [MASK]."
    assert explorer.picture.value == before
    with pytest.raises(ValueError, match="exactly one"):
        widgets.sampling_explorer(sentence="no gap")


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError])
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
