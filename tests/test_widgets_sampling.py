"""The sampling explorer, used as a reader does: sliders are moved, buttons pressed, text typed."""

import re
from collections import Counter

import numpy as np
import pytest
from driver import ESCAPED, EVIL, Explorer
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils import masked, plots, sampling, widgets

NOTES = "[1, 3], as in the notes"
pytestmark = pytest.mark.usefixtures("displayed")


def shown(html):
    """(word, probability as written, width of the bar) of each row of the bars."""
    row = r"<tr><td[^>]*>(.*?)</td>.*?width:([\d.]+)%.*?class=\"probability\">([\d.]+)</td></tr>"
    return [(word, p, float(width)) for word, width, p in re.findall(row, html)]


cuts = st.floats(0.05, 1)


@given(st.integers(1, 40), st.integers(0, 2**32), st.floats(0.05, 5), cuts, cuts, st.data())
def test_explore_equals_the_sampling_functions(n, seed, temperature, top_p, min_p, data):
    """Temperature, then top-k, top-p and min-p; with ties, too."""
    logits = np.random.default_rng(seed).integers(-6, 7, n) / 2
    top_k = data.draw(st.integers(1, n))
    state = widgets.sampling.apply_settings(logits, temperature, top_k, top_p, min_p)
    nucleus = sampling.top_p(sampling.top_k(logits / temperature, top_k), top_p)
    cut = sampling.min_p(nucleus, min_p)
    full = sampling.softmax(logits, temperature)
    expected = sampling.softmax(cut)
    kept = np.isfinite(cut)
    # on a border, rounding decides what is kept
    reached = full[np.isfinite(nucleus)].sum() / np.sort(full)[-top_k:].sum()
    assume(abs(reached - top_p) > 1e-9)
    assume(np.abs(full / full.max() - min_p).min() > 1e-9)
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


class Sampling(Explorer):
    """The sampling explorer's controls, by name."""

    def __init__(self, *arguments, **options):
        arguments = arguments or [widgets.example_logits()]
        super().__init__(widgets.sampling_explorer(*arguments, **options))
        names = "logits", "temperature", "top-p", "top-k", "k =", "Draw 20 words", "Reset"
        self.choice, self.temperature, self.top_p, self.top_k, self.k, self.draw, self.reset = (
            self[name] for name in names
        )
        self.min_p = self["min-p"]
        self.picture, self.drawn = self.pictures[:2]

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
    explorer = Sampling()
    assert explorer.choice.value == NOTES and explorer.bars() == {"A": "0.12", "B": "0.88"}
    explorer.temperature.value = temperature
    assert explorer.bars() == bars


def test_explorer_top_k_of_1_leaves_one_bar():
    explorer = Sampling()
    explorer.top_k.value = 1
    assert explorer.bars() == {"B": "1.00", "A": "0.00"}
    assert "entropy <b>0.00 bits</b>" in explorer.picture.value


def test_explorer_top_p():
    explorer = Sampling()
    explorer.choice.value = "The cat sat on the … (12 words)"
    explorer.top_p.value = 0.5
    logits = np.array(list(widgets.sampling.DOZEN.values()))
    expected = sampling.softmax(sampling.top_p(logits, 0.5))
    words = zip(widgets.sampling.DOZEN, expected, strict=True)
    assert explorer.bars() == {word: f"{p:.2f}" for word, p in words}
    assert 0 < sum(p == "0.00" for p in explorer.bars().values()) < 12


def test_explorer_starts_anew_with_other_logits_and_on_reset():
    explorer = Sampling()
    for start in (
        lambda: setattr(explorer.choice, "value", "100,000 words"),
        lambda: explorer.reset.click(),
    ):
        explorer.temperature.value, explorer.top_p.value, explorer.top_k.index = 3, 0.5, 0
        explorer.min_p.value = 0.5
        start()
        sliders = explorer.temperature, explorer.top_p, explorer.min_p
        assert [slider.value for slider in sliders] == [1, 1, 0]
        assert explorer.top_k.value == len(widgets.example_logits()[explorer.choice.value][0])
    assert "kept <b>100,000</b> of 100,000" in explorer.picture.value
    assert len(explorer.bars()) == 12
    explorer.choice.value = NOTES  # from a large k to a vocabulary of 2
    assert explorer.top_k.value == 2 and explorer.bars() == {"A": "0.12", "B": "0.88"}


def drawn_words(explorer):
    [text] = re.findall(r"<p[^>]*>(.*?)</p>", explorer.drawn.value)
    return text.split(" · ")


def test_explorer_draws_only_words_that_are_kept():
    explorer = Sampling()
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
        explorer = Sampling(seed=seed)
        explorer.draw.click()
        draws.append(drawn_words(explorer))
    assert draws[0] == draws[1] != draws[2]


def test_explorer_escapes_words_that_are_shown_and_drawn():
    explorer = Sampling({EVIL: ([EVIL, "$5 & $6"], np.array([9.0, 1.0]))})
    explorer.draw.click()
    for html in (explorer.picture.value, explorer.drawn.value):
        assert "<img" not in html and ESCAPED in html


def test_explorer_says_what_is_wrong_with_the_logits():
    """Plainly, in the picture's place; nothing else breaks."""
    good, bad = (["A", "B"], np.array([1.0, 3.0])), (["A", "B"], np.array([1.0, np.nan]))
    explorer = Sampling({"good": good, "bad": bad})
    explorer.choice.value = "bad"
    assert ">logits hold NaN" in explorer.picture.value
    explorer.draw.click()
    assert explorer.drawn.value == ""
    explorer.choice.value = "good"
    assert explorer.bars() == {"A": "0.12", "B": "0.88"}


def test_explorer_displays_itself_beside_a_figure_with_text(displayed):
    explorer = Sampling()
    [(data, options)] = displayed
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.box.model_id
    assert "image/png" in data and "Sampling explorer" in options["metadata"]["image/png"]["alt"]


def test_explorer_without_a_sentence_has_no_field():
    controls = Sampling().controls
    assert "your text" not in controls and "Write on" not in controls


def test_explorer_starts_with_the_logits_of_the_sentence(displayed):
    explorer = Sampling(sentence="She paid $5 for the [MASK].")
    words, logits = masked.mask_logits("She paid $5 for the [MASK].")
    best = np.argsort(-logits, kind="stable")[:12]
    assert explorer.choice.value == widgets.sampler.YOUR_TEXT
    assert list(explorer.bars()) == [words[i] for i in best]
    assert explorer.top_k.value == len(words)
    assert NOTES in explorer.choice.options  # the other choices are still there
    assert "image/png" in displayed[0][0]


def test_explorer_follows_a_new_sentence_from_any_choice():
    explorer = Sampling(sentence="She read the [MASK].")
    first, typed = explorer.bars(), explorer["your text"]
    typed.value = "He drank a cup of [MASK]."
    second = explorer.bars()
    assert second != first
    explorer.choice.value, explorer.temperature.value = NOTES, 2
    typed.value = "She read the [MASK]."
    assert explorer.choice.value == widgets.sampler.YOUR_TEXT and explorer.bars() == first
    assert explorer.temperature.value == 1


def test_explorer_says_what_is_wrong_with_the_text():
    explorer = Sampling(sentence="She read the [MASK].")
    typed, before = explorer["your text"], explorer.picture.value
    exactly_one = "write exactly one [MASK]"
    for text, words in (
        ("[MASK] or [MASK]", exactly_one), (f"{EVIL} [MASK] [MASK]", exactly_one),
        ("", "the text is empty"), ("so " * 140 + "[MASK]", "too long"),
    ):  # fmt: skip
        typed.value = text
        assert words in explorer.picture.value
        explorer.temperature.value += 0.05  # no bars of the text before come back
        assert words in explorer.picture.value and "<img" not in explorer.picture.value
        explorer.draw.click()
        assert explorer.drawn.value == ""
    typed.value = "She read the [MASK]."
    assert explorer.picture.value == before
    with pytest.raises(ValueError, match="exactly one"):
        widgets.sampling_explorer(sentence="[MASK] [MASK]")


def test_k_is_typed_as_a_number_and_the_slider_follows():
    explorer = Sampling()
    explorer.choice.value = "100,000 words"
    explorer.k.value = 60
    assert explorer.top_k.value == 50 and "kept <b>60</b> of" in explorer.picture.value
    explorer.top_k.value = 20
    assert explorer.k.value == 20 and "kept <b>20</b> of" in explorer.picture.value
    explorer.k.value = 10**9
    assert explorer.k.value == 100_000 and "kept <b>100,000</b> of" in explorer.picture.value


@pytest.mark.parametrize(
    "probability, text",
    [(0, "0.00"), (0.005, "0.01"), (0.0042, "0.0042"), (0.000123, "0.00012"), (1e-9, "< 0.000001")],
)
def test_a_small_probability_is_not_written_as_0(probability, text):
    assert widgets.sampling.written(probability) == text


def test_at_a_high_temperature_no_bar_of_100_000_words_reads_0():
    explorer = Sampling()
    explorer.choice.value, explorer.temperature.value = "100,000 words", 5
    assert all(float(p) > 0 for p in explorer.bars().values())


def test_min_p_cuts_what_is_small_next_to_the_best():
    explorer = Sampling()
    explorer.min_p.value = 0.1  # A has 0.14 times the probability of B
    assert explorer.bars() == {"B": "0.88", "A": "0.12"}
    explorer.min_p.value = 0.15
    assert explorer.bars() == {"B": "1.00", "A": "0.00"}


@pytest.mark.parametrize(
    "token, text",
    [(" Paris", "Paris"), ("ful", "ful"), ("\n", "⏎"), (" ", "(space)"), ("", "(nothing)")],
)
def test_a_token_is_shown_so_that_one_can_read_it(token, text):
    assert widgets.sampling.readable(token) == text
