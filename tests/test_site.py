"""The course as web pages: every link leads somewhere, every page works with the network off."""

from urllib.parse import unquote, urldefrag

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.tools.site import __main__ as site_main
from course_utils.tools.site import build, convert

# a red dot, one pixel wide
RED_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def addresses(page):
    """All that a page links to or shows."""
    tags = page.find_all(["a", "img", "link", "script"])
    found = [tag.get("href") or tag.get("src") for tag in tags]
    return [address for address in found if address]  # <a id="C1"> has none


def test_no_link_is_dead(site):
    folder, pages = site
    ids = {name: {tag["id"] for tag in page.find_all(id=True)} for name, page in pages.items()}
    dead = set()
    for name, page in pages.items():
        for address in addresses(page):
            if address.startswith(("https:", "http:", "data:", "slides/")):
                continue
            file, anchor = map(unquote, urldefrag(address))
            if not (folder / (file or name)).is_file():
                dead.add((name, address))
            elif anchor and anchor not in ids[file or name]:
                dead.add((name, address))
    assert dead == set()


def test_each_page_has_one_title_and_its_place_in_the_navigation(site):
    for name, page in site[1].items():
        assert len(page.find_all("h1")) == 1, name
        assert [link["href"] for link in page.select("[aria-current=page]")] == [name]
        assert all(picture.get("alt") for picture in page.find_all("img")), name


def test_the_first_page_is_small(site):
    folder, pages = site
    shown = {file for file in addresses(pages["index.html"]) if file.endswith((".js", ".css"))}
    assert "site.js" in shown and "tex-svg.js" not in shown
    assert sum((folder / file).stat().st_size for file in shown | {"index.html"}) < 1_500_000


def notebook(*cells):
    return new_notebook(cells=[new_markdown_cell("# A title"), *cells])


def code(source, tags, *outputs):
    return new_code_cell(source, metadata={"tags": tags}, outputs=list(outputs))


def test_a_figure_becomes_a_file_and_its_code_is_folded(tmp_path):
    shown = new_output(
        "display_data",
        {"image/png": RED_DOT},
        metadata={"image/png": {"alt": 'a "red" dot', "width": 7}},
    )
    page = convert.body(notebook(code("draw()", ["hide-input"], shown)), tmp_path)
    picture = page.find("img")
    assert (picture["alt"], picture["width"]) == ('a "red" dot', "7")
    assert (tmp_path / picture["src"]).read_bytes().startswith(b"\x89PNG")
    fold = page.select_one("details.code")
    assert "draw" in fold.get_text() and not fold.has_attr("open")


def test_notes_for_the_instructor_are_left_out(tmp_path):
    note = new_markdown_cell("ask the class", metadata={"slideshow": {"slide_type": "notes"}})
    assert "ask the class" not in convert.body(notebook(note), tmp_path).get_text()


def test_a_checked_claim_can_be_reported(tmp_path):
    cells = [code("x = 1", ["C1"]), code("assert x == 1", ["C1"]), code("assert x", ["other"])]
    page = convert.body(notebook(*cells), tmp_path)
    convert.mark_claims(page, "Lesson & more", "https://example.org/course")
    [line] = page.select(".claim")
    assert "check C1." in line.get_text()
    wanted = "https://example.org/course/issues/new?title=Lesson%20%26%20more%3A%20claim%20C1"
    assert line.find("a")["href"] == wanted
    cell = line.find_parent(class_="jp-CodeCell")
    assert cell.select_one(".highlight").get_text().startswith("assert")


@pytest.mark.parametrize(
    "text, error, says",
    [
        ("[gone](gone.md)", FileNotFoundError, "a.md has a dead link: gone.md"),
        ("![gone](gone.svg)", FileNotFoundError, "a.md has a dead link: gone.svg"),
        ("![far](https://example.org/a.png)", ValueError, "a.md: the picture https://exam"),
    ],
)
def test_a_dead_link_and_a_picture_of_a_network_are_refused(tmp_path, text, error, says):
    page = convert.body(notebook(new_markdown_cell(text)), tmp_path)
    with pytest.raises(error, match=says):
        convert.Links({}, tmp_path).fix(page, tmp_path / "a.md")


def test_what_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "a.ipynb").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="a.ipynb is not a notebook"):
        convert.read(tmp_path / "a.ipynb")


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit, match="holds other files"):
        site_main.main(["--to", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_search_index_has_every_section(tmp_path):
    text = "before\n\n## One\n\napple <b>pear</b>\n\n### Two\n\nplum"
    body = convert.body(notebook(new_markdown_cell(text)), tmp_path)
    source = build.Source(tmp_path / "a.md", "a.html", "A")
    assert build.entries(source, body) == [
        ["a.html", "A-title", "A title", "before"],
        ["a.html", "One", "One", "apple pear"],
        ["a.html", "Two", "Two", "plum"],
    ]


@pytest.mark.parametrize(
    "text, listed",
    [
        ("## One\n\n### 1 · first\n\n### detail\n\n## Two", ["One", "1 · first", "Two"]),
        ("### apple\n\n### pear", ["apple", "pear"]),
    ],
)
def test_on_this_page_lists_parts_and_numbered_sections_or_all_terms(tmp_path, text, listed):
    body = convert.body(notebook(new_markdown_cell(text)), tmp_path)
    assert [heading.get_text() for heading in build.contents(body)] == listed


# ---- in Chromium: skipped where there is none ---------------------------------------------------


def opened(shown, path, width, scheme):
    """A page opened with the network off: ``(tab, complaints of the browser)``."""
    context = shown.new_context(
        viewport={"width": width, "height": 800}, offline=True, color_scheme=scheme
    )
    tab, complaints = context.new_page(), []
    own = (path.parent.as_uri(), "data:", "blob:")
    tab.on("request", lambda asked: asked.url.startswith(own) or complaints.append(asked.url))
    tab.on("requestfailed", lambda asked: complaints.append(f"failed: {asked.url[:80]}"))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready=yes]")
    if tab.query_selector("script[src='tex-svg.js']"):
        tab.wait_for_selector("html[data-formulas=ready]", timeout=120_000)
    return tab, complaints


def accessibility(tab, **options):
    """The serious and critical findings of axe-core in a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # without preload, axe does not fetch the style sheets a second time
    found = axe.run(tab, options={"preload": False, **options}).response["violations"]
    return [
        (finding["id"], [node["html"][:200] for node in finding["nodes"]])
        for finding in found
        if finding["impact"] in ("serious", "critical")
    ]


def test_pages_fit_the_screen_ask_for_nothing_and_can_be_read_by_all(shown, site):
    folder, pages = site
    for name in pages:
        tab, complaints = opened(shown, folder / name, 360, "light")
        for width in (360, 768, 1280):
            tab.set_viewport_size({"width": width, "height": 800})
            assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        # code has no names and roles, and ten cells show all of its colours: the rest costs time
        tab.evaluate("[...document.querySelectorAll('.highlight')].slice(10).map(c => c.remove())")
        # names and roles depend neither on the colours nor on the width; what scrolls does
        assert accessibility(tab, rules={"color-contrast": {"enabled": False}}) == [], name
        for width in (768, 360):
            tab.set_viewport_size({"width": width, "height": 800})
            assert accessibility(tab, runOnly=["scrollable-region-focusable"]) == [], name
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            assert accessibility(tab, runOnly=["color-contrast"]) == [], (name, scheme)
        assert complaints == [], name
        tab.context.close()


@pytest.mark.parametrize(
    "body, rules, finding",
    [
        ('<p style="color:#999">pale</p>', {}, "color-contrast"),
        ("<button></button>", {"color-contrast": {"enabled": False}}, "button-name"),
    ],
)
def test_what_cannot_be_read_is_found(shown, tmp_path, body, rules, finding):
    page = f'<html lang="en" data-ready="yes"><title>a</title><main>{body}</main></html>'
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    tab, _ = opened(shown, tmp_path / "a.html", 360, "light")
    assert [name for name, _ in accessibility(tab, rules=rules)] == [finding]
    tab.context.close()


def test_search_finds_a_section_and_goes_there(shown, site):
    tab, complaints = opened(shown, site[0] / "index.html", 360, "light")
    tab.fill("#query", "Inverted File")
    tab.locator("#found a", has_text="inverted file").first.click()
    tab.wait_for_url("**/glossary.html#inverted-file")
    assert tab.locator("#inverted-file").is_visible() and complaints == []
    tab.fill("#query", "zzzz")
    tab.locator("#found", has_text="Nothing found.").wait_for()
    tab.context.close()


def test_the_sampling_explorer_works_in_its_page(shown, tmp_path):
    figure = new_output("display_data", {"image/png": RED_DOT})
    body = convert.body(notebook(code("widgets.sampling_explorer()", [], figure)), tmp_path)
    source = build.Source(tmp_path / "a.ipynb", "a.html", "A")
    (tmp_path / "a.html").write_text(build.page(source, [source], body), encoding="utf-8")
    build.write_parts(tmp_path)
    tab, complaints = opened(shown, tmp_path / "a.html", 360, "dark")
    box = tab.locator(".explorer[data-kind=sampling]")
    assert "of 49,152" in box.inner_text()
    box.locator("select").select_option("[1, 3], as in the notes")
    assert box.locator(".probability").all_inner_texts() == ["0.88", "0.12"]
    box.get_by_label("temperature").fill("2")
    assert box.locator(".probability").all_inner_texts() == ["0.73", "0.27"]
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert complaints == []
    tab.context.close()


def test_formulas_are_drawn_and_answers_are_open_in_print(shown, site):
    tab, _ = opened(shown, site[0] / "04_inference_and_sampling.html", 1280, "light")
    assert tab.locator("mjx-container > svg").count() > 5
    assert tab.locator("mjx-container > svg:not([aria-label])").count() == 0
    answers = tab.locator("main details:not(.code, .bank)")
    assert tab.locator("main details[open]").count() == 0 < answers.count()
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("main details[open]").count() == answers.count()
    assert tab.locator(".search-box").count() == 0  # nothing is loaded for paper
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("main details[open]").count() == 0
    tab.context.close()
