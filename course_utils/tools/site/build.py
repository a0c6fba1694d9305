"""Puts the pages of the site together: navigation, contents, the search index, slides."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString, Tag
from pygments.formatters import HtmlFormatter

import course_utils
from course_utils.slides import export
from course_utils.tools.site import bank, convert

ROOT = Path(__file__).resolve().parents[3]
PAGE = Path(__file__).resolve().parent / "page"
DATA = Path("course_utils/assets")
FOR_CONTRIBUTORS = ("The helper package", "For contributors")  # parts of the README
REPORT = """
## Report a mistake

Is a sentence wrong, or hard to understand? Tell the person who gave you this course. Name the page
and, if the sentence has one, its mark, such as C12.
"""


@dataclass(frozen=True)
class Source:
    """A file of the course that becomes a page: ``path``, the page's ``name``, what links say."""

    path: Path
    name: str
    title: str


def sources() -> list[Source]:
    """All pages of the site, in the order of its navigation."""
    found = [Source(ROOT / "README.md", "index.html", "Start")]
    for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
        title = convert.read(path).cells[0].source.partition("\n")[0].removeprefix("# ")
        found.append(Source(path, f"{path.stem}.html", title))
    texts = {
        "notebooks/glossary.md": "Glossary",
        "notebooks/INSTRUCTORS.md": "For instructors",
        DATA / "data" / "DATA.md": "Data",
        DATA / "course-bert" / "README.md": "course-bert",
        DATA / "course-sbert" / "README.md": "course-sbert",
        "CHANGELOG.md": "Changes",
    }
    for path, title in texts.items():
        if (ROOT / path).is_file():
            found.append(Source(ROOT / path, f"{title.lower().replace(' ', '-')}.html", title))
    return found


def write(folder: Path, repository: str = "", slides: bool = True) -> list[Path]:
    """Write the site into ``folder``; returns the pages.

    ``repository`` is the address where readers report mistakes. Raises FileExistsError for a
    folder that holds something else, FileNotFoundError for a dead link.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "search-index.js").is_file():
        raise FileExistsError(f"{folder} holds other files: name an empty folder with TO=.")
    folder.mkdir(parents=True, exist_ok=True)
    listed = sources()
    links = convert.Links({source.path: source.name for source in listed}, folder)
    write_parts(folder)
    bank.write(folder / "question-bank.js")
    index, written = [], []
    for source in listed:
        body = page_body(source, folder, repository, links)
        add_search_boxes(body, source, folder / "question-bank.js")
        index += entries(source, body)
        written.append(folder / source.name)
        written[-1].write_text(page(source, listed, body), encoding="utf-8")
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (folder / "search-index.js").write_text(f"searchIndex = {text};\n", encoding="utf-8")
    if slides:
        export.write([s.path for s in listed if s.path.suffix == ".ipynb"], folder / "slides")
    return written


def page_body(source: Source, folder: Path, repository: str, links) -> BeautifulSoup:
    """What is in the middle of a page; raises ValueError or OSError, naming the file."""
    nb = convert.read(source.path)
    if source.name == "index.html":
        nb.cells[0].source = for_readers(nb.cells[0].source) + REPORT
    try:
        body = convert.body(nb, folder)
    except ValueError as error:
        raise ValueError(f"{source.path.name}, {error}") from error
    links.fix(body, source.path)
    if source.path.suffix == ".ipynb":
        convert.mark_claims(body, source.title, repository)
        add_lesson_links(body, source, repository)
    return body


def for_readers(readme: str) -> str:
    """The README without its parts for contributors."""
    parts = re.split(r"^(?=## )", readme, flags=re.M)
    return "".join(p for p in parts if not p.removeprefix("## ").startswith(FOR_CONTRIBUTORS))


def add_lesson_links(body: BeautifulSoup, source: Source, repository: str) -> None:
    """Under a lesson's title: its slides, and where to report a mistake."""
    address = convert.report_address(repository, source.title)
    line = (
        f'<p class="lesson-links"><a href="slides/{source.path.stem}.slides.html">Slides</a> '
        f'<a href="{escape(address)}">Report a mistake</a></p>'
    )
    body.find("h1").insert_after(BeautifulSoup(line, "html.parser"))


def add_search_boxes(body: BeautifulSoup, source: Source, data: Path) -> None:
    """A search box over the question bank after each cell that shows one, and on the first page.

    ``page/site.js`` loads ``data`` when a reader opens it.
    """
    places = [body.find("h2")] if source.name == "index.html" else []
    places += [cell for cell in body.select(".jp-CodeCell") if "search_box(" in cell.get_text()]
    for place in places:
        # the question that the notebook starts with
        asked = re.search(r'search_box\([^"\n]*"([^"]*)"', place.get_text())
        box = bank.closed_box(asked[1] if asked else "", data)
        add = place.insert_before if place.name == "h2" else place.insert_after
        add(BeautifulSoup(box, "html.parser"))


def entries(source: Source, body: BeautifulSoup) -> list[list[str]]:
    """One ``[page, anchor, heading, text]`` for each heading: what the search looks through."""
    unread = ["script", "style", *convert.HEADINGS]
    found = []
    for heading in body.find_all(convert.HEADINGS):
        texts = []
        # everything up to the next heading
        for node in heading.next_elements:
            if isinstance(node, Tag) and node.name in convert.HEADINGS:
                break
            inside = node.parent.name if node.parent else "script"
            if isinstance(node, NavigableString) and inside not in unread:
                texts.append(str(node))
        title = " ".join(heading.get_text().split())
        found.append([source.name, heading.get("id", ""), title, " ".join(" ".join(texts).split())])
    return found


def page(source: Source, listed: list[Source], body: BeautifulSoup) -> str:
    """The whole HTML page around ``body``."""
    place = listed.index(source)
    around = [listed[i] for i in (place - 1, place + 1) if 0 <= i < len(listed)]
    formulas = any("$" in part.get_text() for part in body.select(".jp-RenderedMarkdown"))
    explorers = body.select_one(".explorer") is not None
    scripts = ["explorers.js"] * explorers + ["site.js"] + ["tex-svg.js"] * formulas
    parts = {
        "title": escape(body.find("h1").get_text()),
        "pages": items([(s.name, s.title) for s in listed], current=source.name),
        "contents": items([(f"#{h.get('id', '')}", h.get_text()) for h in contents(body)]),
        "body": str(body),
        "around": items([(s.name, s.title) for s in around]),
        "version": course_utils.__version__,
        "scripts": "\n".join(f'<script defer src="{name}"></script>' for name in scripts),
    }
    text = (PAGE / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], text)


def contents(body: BeautifulSoup) -> list[Tag]:
    """The headings that "On this page" lists: parts and numbered sections, else all the next."""
    parts = [
        heading
        for heading in body.find_all(["h2", "h3"])
        if heading.name == "h2" or re.match(r"\d+ ·", heading.get_text())
    ]
    return parts or body.find_all("h3")


def items(links: list[tuple[str, str]], current: str = "") -> str:
    """List items with links; the current page is marked."""
    rows = []
    for address, title in links:
        mark = ' aria-current="page"' if address == current else ""
        rows.append(f'<li><a href="{escape(address)}"{mark}>{escape(title)}</a></li>')
    return "\n".join(rows)


def write_parts(folder: Path) -> None:
    """The style sheet and the scripts that all pages share."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    own = (PAGE / "site.css").read_text(encoding="utf-8")
    code = f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    (folder / "site.css").write_text(code + own, encoding="utf-8")
    for path in (
        PAGE / "site.js",
        PAGE / "encoder.js",
        PAGE / "search-box.js",
        export.ASSETS / "explorers.js",
        export.ASSETS / "vendor" / "tex-svg.js",
        export.ASSETS / "vendor" / "LICENSE.mathjax",
    ):
        shutil.copyfile(path, folder / path.name)
