"""The exported slides: one file that needs nothing else, and every slide fits.

Those tests that open a deck need a Chromium (see course_utils/slides/chromium.py) and are skipped
where there is none. The list of slides that do not fit is also printed by
``python -m course_utils.slides --check notebooks/01_from_rnn_to_bert.ipynb``.
"""

import functools
import hashlib
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from course_utils.slides import __main__ as slides_main
from course_utils.slides import check, chromium, export

NOTEBOOKS = sorted(path.stem for path in (export.ROOT / "notebooks").glob("0*.ipynb"))
each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)
VENDOR = export.ASSETS / "vendor"
RED_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def source(name):
    return nbformat.read(export.ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def slide_type(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


@pytest.fixture(scope="module")
def deck(shown, tmp_path_factory):
    """A function: opens the slides of a notebook once, and goes through all of them.

    Returns ``(tab, complaints, page, what was measured)``.
    """
    folder = tmp_path_factory.mktemp("slides")

    @functools.cache
    def open_once(name):
        [page] = export.write([export.ROOT / "notebooks" / f"{name}.ipynb"], folder)
        tab, complaints = check.open_deck(shown, page)
        return tab, complaints, page, check.measure(tab)

    return open_once


@pytest.fixture
def small_deck(shown, tmp_path):
    """A function: opens the slides of a notebook made of ``cells``; ``(tab, complaints)``."""

    def make(*cells, folder=tmp_path):
        for cell in cells:
            cell.metadata.setdefault("slideshow", {"slide_type": "slide"})
        path = folder / "small.ipynb"
        nbformat.write(new_notebook(cells=list(cells)), path)
        [page] = export.write([path], tmp_path / "out")
        return check.open_deck(shown, page)

    return make


# ---- The decks of the course -------------------------------------------------------------------


@each_notebook
def test_every_slide_fits(deck, name):
    """Every fragment shown, every answer open, at 1280 x 720: nothing outside, cut or scrolling."""
    wrong = [
        f"{slide['number']} “{slide['title']}”: {'; '.join(slide['faults'])}"
        for slide in deck(name)[3]
        if slide["faults"]
    ]
    assert not wrong, "\n".join(["these slides need cutting:", *wrong])


@each_notebook
def test_a_deck_asks_nothing_of_any_network_and_the_browser_has_no_complaint(deck, name):
    _, complaints, page, _ = deck(name)
    assert complaints == []
    text = re.sub(
        r"<script>.*?</script>|<style>.*?</style>", "", page.read_text(encoding="utf-8"), flags=re.S
    )
    assert not re.search(r"""(src|poster|srcset)\s*=\s*["'](?!data:)""", text)
    assert "<link" not in text and "@import" not in text


@each_notebook
def test_there_is_one_slide_for_each_slide_cell(deck, name):
    starts = [cell for cell in source(name).cells if slide_type(cell) in ("slide", "subslide")]
    assert deck(name)[0].evaluate("Reveal.getTotalSlides()") == len(starts)


@each_notebook
def test_every_picture_of_the_notebook_is_drawn(deck, name):
    wanted = 0
    for cell in source(name).cells:
        if slide_type(cell) not in ("skip", "notes"):
            wanted += sum("image/png" in o.get("data", {}) for o in cell.get("outputs", []))
            if cell.cell_type == "markdown":
                wanted += len(re.findall(r"!\[|<img", cell.source))
    found = deck(name)[0].evaluate(
        """[...document.querySelectorAll("section section img")].map(
            (img) => img.complete && img.naturalWidth > 0 && Boolean(img.alt))"""
    )
    live = deck(name)[0].locator(".explorer").count()  # take the place of a widget's figure
    assert found == [True] * (wanted - live) and wanted > 5


@each_notebook
def test_every_formula_is_typeset(deck, name):
    tab = deck(name)[0]
    text = "\n".join(
        re.sub(r"`[^`]*`", "", cell.source)
        for cell in source(name).cells
        if cell.cell_type == "markdown" and slide_type(cell) != "skip"
    )
    displayed = tab.locator("mjx-container[display=true]").count()
    assert displayed == len(re.findall(r"\$\$.+?\$\$", text, re.S))
    assert tab.locator("mjx-container svg path").count() > 0
    assert tab.locator("mjx-merror, [data-mml-node=merror]").count() == 0
    left = tab.evaluate(
        """[...document.querySelectorAll(".jp-RenderedMarkdown")].map((e) => {
            const copy = e.cloneNode(true);
            copy.querySelectorAll("code, mjx-container").forEach((x) => x.remove());
            return copy.textContent;
        }).filter((text) => /\\$\\$|\\\\(frac|text|sum|log)/.test(text))"""
    )
    assert left == []


@each_notebook
def test_no_link_is_dead(deck, name):
    links = deck(name)[0].evaluate(
        "[...document.querySelectorAll('.slides a')].map((a) => a.getAttribute('href'))"
    )
    known = [f"{notebook}.slides.html" for notebook in NOTEBOOKS]
    assert [link for link in links if link not in known and not link.startswith("https://")] == []


@each_notebook
def test_the_printed_deck_has_a_page_of_slide_size_for_each_slide(deck, shown, name):
    tab, _, page, _ = deck(name)
    pdf = check.print_pdf(shown, page).read_bytes()
    pages = len(re.findall(rb"/Type /Page\b", pdf))
    assert pages == tab.evaluate("Reveal.getTotalSlides()")
    assert set(re.findall(rb"/MediaBox \[(.*?)\]", pdf)) == {b"0 0 960 540"}  # points


SLOW = """const frame = requestAnimationFrame;
requestAnimationFrame = (then) =>
    document.querySelector(".slides section:not(.stack)") ? frame(then) : setTimeout(then, 4000);"""


def test_a_slow_browser_prints_all_pages_too(small_deck, shown, tmp_path):
    """reveal.js takes all slides out, and a drawn frame later they come back as pages."""
    small_deck(*(new_markdown_cell(f"# {word}") for word in ("One", "Two", "Three")))
    [page] = (tmp_path / "out").glob("*.html")
    html = page.read_text(encoding="utf-8").replace("<head>", f"<head><script>{SLOW}</script>", 1)
    page.write_text(html, encoding="utf-8")
    pdf = check.print_pdf(shown, page).read_bytes()
    assert re.findall(rb"/MediaBox \[(.*?)\]", pdf) == 3 * [b"0 0 960 540"]


# ---- What a deck can do --------------------------------------------------------------------------


def test_speaker_notes_are_in_their_window_and_nowhere_else(small_deck):
    tab, complaints = small_deck(
        new_markdown_cell("# One"),
        new_markdown_cell("Ask them first.", metadata={"slideshow": {"slide_type": "notes"}}),
        new_markdown_cell("# Two"),
    )
    assert not tab.get_by_text("Ask them first.").is_visible()
    with tab.context.expect_page() as opened:
        tab.keyboard.press("s")
    notes = opened.value
    notes.get_by_text("Ask them first.").wait_for(timeout=30_000)
    previews = [frame for frame in notes.frames if "receiver" in frame.url]
    assert len(previews) == 2  # this slide and the next
    notes.keyboard.press("ArrowRight")
    notes.get_by_text("Ask them first.").wait_for(state="hidden", timeout=30_000)
    assert tab.evaluate("Reveal.getCurrentSlide().textContent.trim()") == "Two"
    assert complaints == []


def test_pages_turn_by_keys_both_ways_through_every_slide_and_fragment(small_deck):
    kinds = ["slide", "subslide", "fragment", "slide"]
    cells = [
        new_markdown_cell(f"# {i}", metadata={"slideshow": {"slide_type": kind}})
        for i, kind in enumerate(kinds)
    ]
    tab, _ = small_deck(*cells)
    states = lambda: tab.evaluate("JSON.stringify(Reveal.getIndices())")  # noqa: E731
    seen = [states()]
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
        seen.append(states())
    assert len(set(seen)) == 4
    for expected in reversed(seen[:3]):
        tab.keyboard.press("PageUp")
        assert states() == expected


def test_an_answer_opens_by_mouse_and_by_key_and_the_slide_stays(small_deck):
    text = "# Q\n\n<details><summary>Answer</summary>\n\nIt is **42**.\n\n</details>"
    tab, _ = small_deck(new_markdown_cell(text), new_markdown_cell("# Two"))
    answer = tab.locator("details p")
    assert not answer.is_visible()
    tab.locator("summary").click()
    assert answer.is_visible() and answer.locator("strong").inner_text() == "42"
    tab.locator("summary").focus()
    tab.keyboard.press("Space")
    assert not answer.is_visible()
    assert tab.evaluate("Reveal.getIndices().h") == 0
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("Reveal.getIndices().h") == 1


def test_a_skipped_cell_is_not_in_the_file_and_hide_input_hides_code_alone():
    code = new_code_cell(
        "plumbing = 1",
        outputs=[new_output("stream", name="stdout", text="kept\n")],
        metadata={"tags": ["hide-input"], "slideshow": {"slide_type": "slide"}},
    )
    skipped = new_markdown_cell("unseen", metadata={"slideshow": {"slide_type": "skip"}})
    body, _ = export.sections(new_notebook(cells=[code, skipped]))
    assert "kept" in body and "plumbing" not in body and "unseen" not in body


def test_a_widget_is_shown_by_its_figure():
    data = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1", "version_major": 2},
        "image/png": RED_DOT,
        "text/plain": "a dot",
    }
    figure = new_output("display_data", data=data, metadata={"image/png": {"alt": 'a "dot"'}})
    cell = new_code_cell("x", outputs=[figure], metadata={"slideshow": {"slide_type": "slide"}})
    body, _ = export.sections(new_notebook(cells=[cell]))
    assert RED_DOT in body and "widget-view" not in body
    assert BeautifulSoup(body, "html.parser").img["alt"] == 'a "dot"'


@pytest.mark.parametrize(
    "code",
    ["%%time\nx = 1", "%timeit 1 + 1", "!ls", "len?", "for i in", "%%bash\necho '"],
)
def test_code_that_is_not_plain_python_is_shown_as_it_is(code):
    cell = new_code_cell(code, metadata={"slideshow": {"slide_type": "slide"}})
    body, _ = export.sections(new_notebook(cells=[cell]))
    shown = BeautifulSoup(body, "html.parser").find(class_="highlight").get_text()
    assert shown.strip() == code


@pytest.mark.parametrize("first", ["", "%%time\n", "%matplotlib inline\n"])
def test_a_magic_keeps_a_widget_alive(first):
    figure = new_output("display_data", data={"image/png": RED_DOT})
    cell = new_code_cell(f"{first}widgets.triplet_geometry(margin=0.5)", outputs=[figure])
    body, _ = export.sections(new_notebook(cells=[cell]))
    assert 'data-kind="triplet"' in body and '"margin": 0.5' in body


@pytest.mark.parametrize(
    "cell, complaint",
    [
        (new_markdown_cell("![x](no%20such.png)"), "cell 1: .*no such.png"),
        (new_markdown_cell("![x](https://example.org/a.png)"), "cell 1: .*would need a network"),
        (new_code_cell("sampling_explorer(sentence=text())"), r"cell 1, sampling_explorer\(.*runn"),
        (new_code_cell("triplet_geometry(size=1)"), "cell 1, .*unexpected keyword"),
    ],
)
def test_what_cannot_be_shown_names_notebook_and_cell(tmp_path, cell, complaint, capsys):
    path = tmp_path / "small.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# One"), cell]), path)
    with pytest.raises(ValueError, match=f"small.ipynb, {complaint}"):
        export.export(path)
    with pytest.raises(SystemExit):
        slides_main.main([str(path), "--to", str(tmp_path / "out")])
    assert "small.ipynb, cell 1" in capsys.readouterr().err


def test_a_file_that_is_not_a_notebook_is_named(tmp_path):
    path = tmp_path / "small.ipynb"
    path.write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(ValueError, match="small.ipynb is not a notebook"):
        export.export(path)


def test_a_slide_is_whole_in_any_window_whatever_is_on_it(small_deck):
    pasted = new_markdown_cell(
        "# שלום, 日本語 🎉\n![dot](attachment:dot.png) [mail](mailto:a@b.org)"
    )
    pasted["attachments"] = {"dot.png": {"image/png": RED_DOT}}
    error = new_output("error", ename="ZeroDivisionError", evalue="x", traceback=["\x1b[31mError"])
    tab, complaints = small_deck(
        pasted, new_raw_cell("raw <b>text</b>"), new_code_cell("1 / 0", outputs=[error])
    )
    for width, height in ((1024, 768), (800, 600), (420, 800)):
        tab.set_viewport_size({"width": width, "height": height})
        for slide in range(3):
            tab.evaluate("i => Reveal.slide(i)", slide)
            tab.wait_for_timeout(100)
            parts = tab.locator("section.present :is(h1, p, pre, img)").evaluate_all(
                "parts => parts.map(part => part.getBoundingClientRect().toJSON())"
            )
            assert parts or slide == 1  # nbconvert shows a raw cell without a paragraph
            for part in parts:
                assert -1 <= part["left"] and part["right"] <= width + 1
                assert -1 <= part["top"] and part["bottom"] <= height + 1
    assert complaints == [] and tab.locator("img").evaluate("i => i.naturalWidth") == 1


# ---- Pictures and links -------------------------------------------------------------------------


def test_a_picture_file_is_inlined(tmp_path):
    (tmp_path / "a b.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    body = export.self_contained('<img alt="x" src="a%20b.svg">', tmp_path)
    assert 'src="data:image/svg+xml;base64,PHN2Zy' in body and 'alt="x"' in body


@pytest.mark.parametrize("picture", ['<img alt="x"/>', '<img alt="x" src=""/>'])
def test_a_picture_without_a_source_stays_as_it_is(tmp_path, picture):
    assert export.self_contained(picture, tmp_path) == picture


def test_a_missing_or_remote_picture_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.svg"):
        export.self_contained('<img src="nowhere.svg">', tmp_path)
    for address in ("https://example.org/a.png", "//example.org/a.png"):
        with pytest.raises(ValueError, match="example.org/a.png would need a network"):
            export.self_contained(f'<img src="{address}">', tmp_path)


def test_links_become_tooltips_slides_or_text(tmp_path):
    (tmp_path / "glossary.md").write_text(
        "# Glossary\n\n### mean pooling\n\nThe *average* of\nall vectors:\n\n$$\\bar{h}$$\n\n"
        "One for a sentence.\n\n[Notebook 2](02.ipynb) · see also [token](#token)\n\n"
        "### token\n\nA piece.\n\n[Notebook 2](02.ipynb)\n",
        encoding="utf-8",
    )

    def fixed(link):
        return export.self_contained(link, tmp_path)

    assert fixed('<a href="glossary.md#mean-pooling">pool</a>') == (
        '<abbr title="The average of all vectors: One for a sentence.">pool</abbr>'
    )
    assert fixed('<a href="glossary.md#nonsense">pool</a>') == "pool"
    assert fixed('<a href="../README.md">read</a>') == "read"
    assert fixed('<a href="#top">up</a>') == "up"
    assert 'href="02_mean_pooling.slides.html"' in fixed('<a href="02_mean_pooling.ipynb">2</a>')
    assert 'href="https://example.org/"' in fixed('<a href="https://example.org/">x</a>')


# ---- The check itself catches what is wrong -----------------------------------------------------


def faults(tab):
    return [" ".join(slide["faults"]) for slide in check.measure(tab)]


def test_the_check_finds_nothing_on_a_good_slide(small_deck):
    tab, complaints = small_deck(new_markdown_cell("# Good\n\n$x^2$"), new_code_cell("x = 1"))
    assert faults(tab) == ["", ""] and complaints == []


def test_the_check_finds_what_does_not_fit(small_deck):
    lines = "\n\n".join(f"line {i}" for i in range(40))
    hidden = f"<details><summary>?</summary>\n\n{lines}\n\n</details>"
    box = '<div style="height:50px;overflow:auto">' + "x<br>" * 20 + "</div>"
    wide = '<table><tr><td style="min-width:1500px">x</td></tr></table>'
    tab, _ = small_deck(*map(new_markdown_cell, (lines, hidden, box, wide, "# fine")))
    long, answer, scrolls, broad, fine = faults(tab)
    assert "(bottom)" in long and "(bottom)" in answer and "(right)" in broad
    assert "higher than its box" in scrolls and fine == ""


def test_the_check_counts_what_a_fragment_will_show(small_deck):
    late = new_markdown_cell("\n\n".join("abc"), metadata={"slideshow": {"slide_type": "fragment"}})
    early = new_markdown_cell("\n\n".join(f"line {i}" for i in range(21)))
    tab, _ = small_deck(early, late)
    assert "(bottom)" in faults(tab)[0]


def test_the_check_finds_a_wrong_formula_and_a_broken_picture(small_deck):
    broken = '<img alt="x" width="9" height="9" src="data:image/png;base64,AAAA">'
    tab, _ = small_deck(new_markdown_cell(r"$\frac{1}$"), new_markdown_cell(broken))
    formula, picture = faults(tab)
    assert "formula" in formula and "not drawn" in picture


def test_a_request_is_a_complaint(small_deck):
    script = "<script>fetch('https://example.org/x').catch(() => {})</script>"
    _, complaints = small_deck(new_markdown_cell(script))
    assert any("example.org/x" in line for line in complaints)


def test_the_command_prints_the_list(shown, deck, capsys, monkeypatch):
    """Of pages made here: the report starts a browser of its own, so this one stands in."""
    page = deck(NOTEBOOKS[0])[2]
    monkeypatch.setattr(chromium, "browser", lambda: _already(shown))
    code = check.report([page])
    printed = capsys.readouterr().out
    assert f"{page.name}: " in printed and f"{code} with a fault" in printed


class _already:
    def __init__(self, browser):
        self.browser = browser

    def __enter__(self):
        return self.browser

    def __exit__(self, *_):
        pass


# ---- What the slides are made with --------------------------------------------------------------


def test_the_vendored_files_are_those_listed():
    text = (VENDOR / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})` \|$", text, re.M))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.suffix in (".js", ".css")
    }
    assert listed == found and len(found) == 4
    assert all((VENDOR / licence).is_file() for licence in re.findall(r"`(LICENSE\.\w+)`", text))


def test_a_missing_notebook_is_named(capsys):
    with pytest.raises(SystemExit):
        slides_main.main(["notebooks/00_nowhere.ipynb"])
    assert "00_nowhere.ipynb" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError):
        export.export(Path("notebooks/00_nowhere.ipynb"))


def test_without_chromium_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "no-such-program")
    with pytest.raises(RuntimeError, match="CHROMIUM"), chromium.browser():
        pass
