"""Live slides: the notebook itself as a deck in JupyterLab, with its kernel (sliveshow).

Needs a Chromium (see conftest.py); without one all of this is skipped.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from browser import FOLDER, ROOT, eventually, opened, press, run_all, widget
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.slides import check

NOTEBOOKS = sorted((ROOT / "notebooks").glob("0*.ipynb"))
START_MS = 120_000
KERNEL = {"name": "python3", "display_name": "Python 3"}


# Every slide shown at once, every answer open: how much higher and wider it is than the screen.
MEASURE = """() => {
  const rule = document.createElement("style");
  rule.textContent = ".reveal .slides section { display: flex !important; }"
    + ".reveal .slides section.stack { display: block !important; }";
  document.head.append(rule);
  document.querySelectorAll(".reveal details").forEach((answer) => (answer.open = true));
  const slides = [...document.querySelectorAll(".reveal .slides section:not(.stack)")];
  const measured = slides.map((slide) => {
    const edge = slide.getBoundingClientRect().right;
    const ends = [...slide.querySelectorAll("img, table, pre, svg, input, .cm-line")]
      .filter((part) => !part.closest("mjx-container"))
      .map((part) => part.getBoundingClientRect().right - edge);
    return {
      text: slide.textContent.trim().slice(0, 60),
      higher: slide.scrollHeight - slide.clientHeight,
      wider: Math.max(0, slide.scrollWidth - slide.clientWidth, ...ends),
      scrolls: getComputedStyle(slide).overflowY === "auto",
      height: slide.clientHeight,
    };
  });
  rule.remove();
  return measured;
}"""


@pytest.fixture(scope="module", autouse=True)
def styled():
    """The course's style of live slides lies beside the notebooks that are opened here."""
    FOLDER.mkdir(exist_ok=True)
    style = Path(shutil.copy(ROOT / "notebooks" / "sliveshow.css", FOLDER))
    yield
    style.unlink()


def slide_type(cell):
    return cell.metadata.slideshow.slide_type


def start(page, cells: int) -> None:
    """Wait until the notebook is all there, then start the deck from its menu."""
    page.wait_for_function(
        "n => document.querySelectorAll('.jp-Notebook .jp-Cell').length === n",
        arg=cells,
        timeout=START_MS,
    )
    page.get_by_role("menuitem", name="Sliveshow").click()
    page.get_by_text("Start from first cell (full screen)").click()
    page.locator(".reveal.ready").wait_for(timeout=START_MS)


def leave(page) -> None:
    """Leave full screen, as the Escape key does in a window."""
    page.evaluate("document.exitFullscreen()")
    page.locator(".reveal").wait_for(state="detached", timeout=START_MS)


def current(page) -> str:
    """The text of the slide that is shown."""
    return page.locator(".slides section.present:not(.stack)").inner_text()


def notebook():
    """Five slides, one with a widget; a cell to skip, and one for the notes."""
    kinds = {
        "# First": "slide",
        "never shown": "skip",
        "asked only by the speaker": "notes",
        "# Second": "slide",
        "## Below": "subslide",
        "# Third": "slide",
    }
    cells = [
        new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})
        for text, kind in kinds.items()
    ]
    code = "from course_utils import widgets\n"
    code += "box = widgets.sampling_explorer(widgets.example_logits())"
    cells.append(new_code_cell(code, metadata={"slideshow": {"slide_type": "slide"}}))
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


@pytest.fixture(scope="module")
def seen(shown, server):  # in this order: without a Chromium no server is started
    """The small notebook, run, as a deck; every test leaves it at its first slide."""
    with opened(shown, server, notebook()) as found:
        run_all(found.page)
        start(found.page, len(notebook().cells))
        yield found


def test_the_deck_starts_at_the_first_slide_in_full_screen(seen):
    assert "First" in current(seen.page)
    assert seen.page.evaluate("Boolean(document.fullscreenElement)")


def test_pages_turn_both_ways_and_hidden_cells_stay_hidden(seen):
    page = seen.page
    order = ["First", "Second", "Below", "Third", "temperature"]
    for wanted in order[1:]:
        page.keyboard.press("Space")
        eventually(lambda: current(page), lambda text, wanted=wanted: wanted in text)
        for hidden in ("never shown", "asked only by the speaker"):
            assert not page.get_by_text(hidden).is_visible()
    for wanted in reversed(order[:-1]):
        page.keyboard.press("Shift+Space")
        eventually(lambda: current(page), lambda text, wanted=wanted: wanted in text)


def test_a_widget_on_a_slide_reacts(seen):
    page = seen.page
    for _ in range(4):
        page.keyboard.press("Space")
    eventually(lambda: "temperature" in current(page), True)
    box = widget(page, "temperature")
    bars = lambda: box.locator(".probability").all_inner_texts()  # noqa: E731
    eventually(bars, ["0.88", "0.12"])
    press(box, "temperature", *["ArrowRight"] * 20)  # by 0.05 each, to 2
    eventually(bars, ["0.73", "0.27"])
    assert "temperature" in current(page)  # the slider's keys turned no page


def test_leaving_gives_the_notebook_back_unharmed(seen):
    page, cells = seen.page, notebook().cells
    leave(page)
    shown = page.locator(".jp-Notebook .jp-Cell")
    assert shown.count() == len(cells)
    texts = shown.all_inner_texts()
    for cell, text in zip(cells, texts, strict=True):
        assert re.sub(r"^#+ ", "", cell.source.splitlines()[-1]) in text
    assert widget(page, "temperature").is_visible()
    assert "Second" in texts[3] and page.get_by_role("menuitem", name="File").is_visible()
    start(page, len(cells))  # and it can be started again
    assert "First" in current(page)
    leave(page)
    assert seen.complaints == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_of_the_course_becomes_a_deck(shown, server, path):
    nb = nbformat.read(path, as_version=4)
    starts = [cell for cell in nb.cells if slide_type(cell) in ("slide", "subslide")]
    on_slides = [cell for cell in nb.cells if slide_type(cell) not in ("skip", "notes")]
    with opened(shown, server, nb) as found:
        found.page.set_viewport_size({"width": check.WIDTH, "height": check.HEIGHT})
        start(found.page, len(nb.cells))
        title = re.search(r"^# (.*)", nb.cells[0].source, re.M)[1]
        assert title in current(found.page)
        deck = found.page.locator(".reveal .slides")
        assert deck.locator("section:not(.stack)").count() == len(starts)
        assert deck.locator(".jp-Cell").count() == len(on_slides)
        slides = found.page.evaluate(MEASURE)
        assert {slide["height"] for slide in slides} == {check.HEIGHT}
        assert [slide for slide in slides if slide["wider"] > 1 or not slide["scrolls"]] == []
        higher = [slide for slide in slides if slide["higher"] > 1]
        assert len(higher) <= len(slides) / 20, higher  # those scroll
        leave(found.page)
        assert found.page.locator(".jp-Notebook .jp-Cell").count() == len(nb.cells)
        assert found.complaints == []
