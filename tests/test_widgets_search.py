"""The search box, used as a reader does: sliders are moved, questions typed."""

import re
from html import unescape

import numpy as np
import pytest
from driver import ESCAPED, EVIL, Explorer

from course_utils import plots, widgets
from course_utils.search import Hit, Index

pytestmark = pytest.mark.usefixtures("displayed")
BANK = ["abc?", "aaa", "from $5 to $10, a bcd", f"bbb {EVIL}", "ede"]


class FirstLetters:
    """An encoder for which a text without the letters a to e is a mistake."""

    name, dim, fingerprint = "first letters", 5, "first letters"

    def encode(self, texts, batch_size=32, show_progress=False):
        counts = np.array([[text.lower().count(c) for c in "abcde"] for text in texts])
        if not counts.any(axis=1).all():
            raise ValueError(f"no known word: {texts[0]!r}")
        return counts.astype(np.float32)


@pytest.fixture
def index():
    return Index.build(FirstLetters(), BANK)


class SearchBox(Explorer):
    """The search box's controls, by name."""

    def __init__(self, *arguments, **options):
        super().__init__(widgets.search_box(*arguments, **options))
        names = "question", "top-k", "threshold"
        self.text, self.top_k, self.threshold = (self[name] for name in names)
        [self.results] = self.pictures

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
    assert "0.46" in html and "width:45.60%" in html and "a &lt; b" in html
    assert "-0.20" in html and "width:0.00%" in html  # no bar to the left
    assert (
        widgets.search.hits_html([])
        == "<p>No match: nothing in the bank reaches the threshold.</p>"
    )
