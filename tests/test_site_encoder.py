"""The search box of the pages: its tokens, vectors and hits are those of Python, in Chromium."""

import numpy as np
import pytest

from course_utils import datasets, encoders, plots, search
from course_utils.tools.site import bank
from course_utils.widgets.search import hits_html

AWKWARD = [
    "Crème brûlée, NAÏVE Ångström İstanbul ΣΊΣΥΦΟΣ straße ﬁne",
    "emoji 🙂 👩‍🚀 flags 🇩🇪, 日本語 and 한국어, ру́сский, العربية",
    "[MASK] and [CLS][SEP] are tokens; [mask] is not",
    "zero\u200bwidth soft\u00adhyphen \ufeff tab\tline\nend\x00\x07\ufffd",
    "no-break\u00a0space, em\u2003space, $5.30 + 20% = <b>&amp;</b> `x` ^ ~ | \\ \"quoted\" 'it’s'",
    "x" * 100 + " " + "y" * 101,
    "every word counts " * 80,
    "\u0301", "\U0010ffff", "\u3000", "𝒳 ⅷ ² ½ ﷽", "a\u0323\u0307b", "\u1bff\u166d\u061d",
]  # fmt: skip


@pytest.fixture(scope="module")
def page(shown, site):
    """An empty page with the search box's functions in ``box``."""
    tab = shown.new_page()
    for name in ("encoder.js", "search-box.js", "question-bank.js"):
        tab.add_script_tag(path=site[0] / name)
    tab.evaluate("window.box = SearchBox.open(questionBank)")
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def encoder():
    return encoders.load(bank.NAME)


@pytest.fixture(scope="module")
def queries():
    """A hundred queries, evenly spread over the file."""
    return datasets.load_queries()["text"][::9][:100]


def test_numbers_come_back_from_their_text(page):
    rng = np.random.default_rng(3)
    for bits in (8, 11, 16):
        numbers = rng.integers(0, 2**bits, 1000)
        script = "([text, bits]) => [...Encoder.wholeNumbers(text, 1000, bits)]"
        assert page.evaluate(script, [bank.as_text(numbers, bits), bits]) == numbers.tolist()
    halves = np.float16([0, -0.0, 1, -1.5, 65504, 6e-8, -6e-5, 6.104e-5, 0.1, 1e-6, 3, 7, 0.333])
    found = page.evaluate("(text) => [...Encoder.halves(text)]", bank.halves(halves))
    assert found == halves.astype(float).tolist()
    # a number is off by at most half a step of its group's scale, and 0.2 % for the scale
    numbers = rng.normal(0, 0.1, (4, bank.GROUP)) * [[1], [10], [1e-3], [0]]
    found = page.evaluate("(matrix) => [...Encoder.weights(matrix)]", bank.scaled(numbers, 11))
    error = np.abs(np.reshape(found, numbers.shape) - numbers).max(axis=1)
    assert (error <= 0.502 * np.abs(numbers).max(axis=1) / 1023 + 1e-7).all()


def test_tokens_are_those_of_python(page, encoder, queries):
    rng = np.random.default_rng(4)
    anything = ["".join(map(chr, rng.integers(1, 0xD800, 30))) for _ in range(300)]
    texts = [*queries, *AWKWARD, *anything]
    found = page.evaluate("(texts) => texts.map(box.tokens)", texts)
    for text, tokens in zip(texts, found, strict=True):
        assert tokens == encoder._tokens([text])["input_ids"][0], text


def test_every_character_becomes_the_same_tokens(page, encoder):
    # planes 0 to 3 as far as they are in use, a part of plane 14, some of the private use planes
    codes = [*range(0xD800), *range(0xE000, 0x33480), *range(0xE0000, 0xE0200)]
    codes += [*range(0xF0000, 0xF0100), 0x10FFFF]
    script = "(text) => Encoder.tokenizer({...questionBank.tokens, longest: 1e9}).tokens(text)"
    for start in range(0, len(codes), 40_000):
        text = " ".join(f"x{chr(code)}y" for code in codes[start : start + 40_000])
        assert page.evaluate(script, text) == encoder.tokenizer(text, verbose=False)["input_ids"]


def test_vectors_are_those_of_python(page, encoder, queries):
    texts = [*queries, *AWKWARD[:9]]
    found = np.array(page.evaluate("(texts) => texts.map((t) => [...box.encode(t)])", texts))
    wanted = encoder.encode(texts)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    cosines = (found * wanted).sum(axis=1)
    print(f"smallest cosine of the page's vector with Python's: {cosines.min():.6f}")
    assert np.allclose(np.linalg.norm(found, axis=1), 1) and cosines.min() > 0.99998


def test_hits_are_those_of_python_on_100_queries(page, encoder, queries):
    texts = datasets.load_questions()["text"]
    index = search.Index.build(encoder, texts)
    vectors = encoder.encode(queries)
    wanted = index.search_vectors(vectors, top_k=5)
    cosines = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) @ index.embeddings.T
    found = page.evaluate("(texts) => texts.map((text) => box.search(text))", queries)
    equal, worst, score = 0, 0.0, 0.0
    for here, right, row in zip(found, wanted, cosines, strict=True):
        assert [hit["text"] for hit in here] == [texts[hit["id"]] for hit in here]
        equal += [hit["id"] for hit in here] == [hit.id for hit in right]
        # hits whose cosines differ by less than 0.001 may change places
        worst = max(worst, *(abs(row[a["id"]] - b.score) for a, b in zip(here, right, strict=True)))
        score = max(score, *(abs(hit["score"] - row[hit["id"]]) for hit in here))
    print(f"{equal} of 100 equal to the last; places {worst:.5f}, shown cosines {score:.5f} apart")
    assert worst < 0.001 and score < 0.002 and equal >= 70


def test_the_hits_look_as_in_the_notebook(page):
    hits = [search.Hit(3, '<b>it\'s</b> & "so"', 0.987654), search.Hit(1, "two", -0.2)]
    script = "([hits, color]) => SearchBox.hitsHtml(hits, color)"
    shown = [hit._asdict() for hit in hits]
    assert page.evaluate(script, [shown, plots.COLORS["query"]]) == hits_html(hits)
    assert page.evaluate(script, [[], "red"]) == hits_html([])


def opened_box(shown, path, width):
    """The search box of a page from disk, opened: ``(tab, box, what was loaded before)``."""
    context = shown.new_context(viewport={"width": width, "height": 800}, offline=True)
    tab, asked = context.new_page(), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready=yes]")
    before = list(asked)
    place = tab.locator("details.bank").first
    place.locator("summary").click()
    return tab, place, before


@pytest.mark.parametrize(
    "name, width", [("index.html", 360), ("04_inference_and_sampling.html", 1280)]
)
def test_the_box_is_loaded_when_it_is_opened_and_follows_the_typing(shown, site, name, width):
    tab, place, before = opened_box(shown, site[0] / name, width)
    assert not any("question-bank" in url for url in before)
    field = place.get_by_label("question")
    field.wait_for()
    assert field.input_value() == ("When is the Louvre quiet?" if width == 1280 else "")
    field.fill("removing old acrylic paint from a paintbrush")
    rows = place.locator("tr")
    assert rows.count() == 5 and "acrylic paint" in rows.first.inner_text()
    place.get_by_label("top-k").fill("2")
    assert rows.count() == 2
    place.get_by_label("threshold").fill("1")
    assert "No match" in place.locator(".hits").inner_text()
    field.fill("  ")
    assert "Type a question" in place.locator(".hits").inner_text()
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    tab.context.close()


def test_a_missing_file_is_named_in_the_box(shown, tmp_path):
    html = '<details class="contents"></details><form id="search"><input id="query"></form>'
    data = tmp_path / "question-bank.js"
    data.write_text("", encoding="utf-8")
    box = bank.closed_box("", data)
    page = f'<nav class="contents"><details></details></nav>{html}<p id="found"></p>{box}'
    page += '<script src="site.js"></script>'
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    script = (bank.Path(bank.__file__).parent / "page" / "site.js").read_text(encoding="utf-8")
    (tmp_path / "site.js").write_text(script, encoding="utf-8")
    tab, place, _ = opened_box(shown, tmp_path / "a.html", 360)
    place.get_by_text("The box does not work: encoder.js cannot be read.").wait_for()
    tab.context.close()


def test_the_bank_is_small_enough_to_load(site):
    assert (site[0] / "question-bank.js").stat().st_size <= 12_000_000
