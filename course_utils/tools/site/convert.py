"""A notebook or a Markdown text of the course as the body of a web page.

nbconvert writes the HTML from the stored outputs. This module then does what a page needs: figures
become files, the code of a figure is folded, links lead to the other pages, and each checked claim
gets a line that says so. The explorers are those of the slides (``slides/live``).
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from traitlets.config import Config

from course_utils.slides import live

TEMPLATES = Path(__file__).resolve().parent / "page" / "templates"
HEADINGS = ["h1", "h2", "h3", "h4", "h5"]
CLAIM = re.compile(r"celltag_([A-Z]\d+)$")


def read(path: Path):
    """A notebook file, or a Markdown file as a notebook of one cell (nbformat).

    Raises ValueError for a file that is not a notebook.
    """
    if path.suffix != ".ipynb":
        text = path.read_text(encoding="utf-8")
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    try:
        return nbformat.read(path, as_version=4)
    except ValueError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error


def body(nb, folder: Path) -> BeautifulSoup:
    """The HTML of a notebook; its figures are written into ``folder/figures``.

    Notes for the instructor are left out. Raises the same errors as ``live.add_live_widgets``.
    """
    live.add_live_widgets(nb)
    nb.cells = [c for c in nb.cells if c.metadata.get("slideshow", {}).get("slide_type") != "notes"]
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                add_figure(output, folder)
    html, _ = exporter().from_notebook_node(nb)
    page = BeautifulSoup(html, "html.parser")
    keep_one_title(page)
    name_headings(page)
    fold_code(page)
    wrap_tables(page)
    return page


def exporter() -> HTMLExporter:
    """nbconvert, set to write the cells alone: no page around them, no prompts."""
    config = Config()
    config.HTMLExporter.exclude_anchor_links = True
    config.HTMLExporter.exclude_input_prompt = True
    config.HTMLExporter.exclude_output_prompt = True
    # a widget does not work without a kernel: its picture is shown instead
    config.NbConvertBase.display_data_priority = ["text/html", "image/svg+xml", "image/png"] + [
        "text/markdown", "text/plain"
    ]  # fmt: skip
    return HTMLExporter(
        config=config, template_name="cells", extra_template_basedirs=[str(TEMPLATES)]
    )


def add_figure(output, folder: Path) -> None:
    """Write the PNG of an output to a file, and show that file where no live widget is shown."""
    data = base64.b64decode(output.data["image/png"])
    # the name follows from the content: equal figures share a file
    name = f"figures/{hashlib.sha256(data).hexdigest()[:16]}.png"
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    about = output.metadata.get("image/png", {})
    sizes = "".join(f' {key}="{about[key]}"' for key in ("width", "height") if key in about)
    alt = escape(str(about.get("alt", "")))
    html = f'<img src="{name}" alt="{alt}"{sizes} loading="lazy">'
    output.data.setdefault("text/html", html)


def keep_one_title(page: BeautifulSoup) -> None:
    """Where parts of a notebook have titles of their own, move every later heading down a level."""
    others = page.find_all(HEADINGS)[1:]
    if any(heading.name == "h1" for heading in others):
        for heading in others:
            heading.name = f"h{int(heading.name[1]) + 1}"


def name_headings(page: BeautifulSoup) -> None:
    """Give each heading the id that links to it use, as JupyterLab does; equal ones a number."""
    seen = {}
    for heading in page.find_all(HEADINGS):
        name = heading.get_text().strip().replace(" ", "-")
        seen[name] = seen.get(name, 0) + 1
        heading["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"


def fold_code(page: BeautifulSoup) -> None:
    """Close the code of cells that are there for their figure; one click opens it."""
    for cell in page.select(".celltag_hide-input"):
        code = cell.select_one(".jp-Cell-inputWrapper")
        fold = page.new_tag("details", attrs={"class": "code"})
        code.wrap(fold)
        summary = page.new_tag("summary")
        summary.string = "Code of this figure"
        fold.insert(0, summary)


def wrap_tables(page: BeautifulSoup) -> None:
    """Let a wide table scroll on a narrow screen, by keyboard too; no heading without words."""
    for number, table in enumerate(page.find_all("table"), 1):
        attributes = {"class": "wide", "tabindex": "0", "role": "group"}
        table.wrap(page.new_tag("div", attrs={**attributes, "aria-label": f"table {number}"}))
        for heading in table.find_all("th"):
            if not heading.get_text().strip():
                heading.name = "td"


def mark_claims(page: BeautifulSoup, title: str, repository: str) -> None:
    """Under the last cell of each claim: what checks it, and where to report that it is wrong."""
    last = {}
    for cell in page.select(".jp-CodeCell"):
        for match in filter(None, map(CLAIM.match, cell["class"])):
            if "assert" in cell.get_text():
                last[match[1]] = cell
    for claim, cell in last.items():
        address = report_address(repository, f"{title}: claim {claim}")
        line = f'<p class="claim">The asserts above check {claim}. <a href="{escape(address)}">'
        cell.append(BeautifulSoup(f"{line}Report a wrong claim</a></p>", "html.parser"))


def report_address(repository: str, subject: str) -> str:
    """Where a reader reports a mistake: a new issue, or the page that says how without one."""
    if not repository:
        return "index.html#Report-a-mistake"
    return f"{repository}/issues/new?title={quote(subject)}"


class Links:
    """Makes the links and pictures of a page lead to files of the site.

    ``pages`` says which source file becomes which page; any other file of the course that is
    linked is copied to ``folder/files``. A dead link is an error.
    """

    def __init__(self, pages: dict[Path, str], folder: Path) -> None:
        self.pages, self.folder = pages, folder

    def fix(self, page: BeautifulSoup, source: Path) -> None:
        """Change all links and pictures of the page made from ``source``.

        Raises FileNotFoundError for one that leads nowhere, ValueError for a picture of a network.
        """
        for link in page.find_all("a", href=True):
            file, hash_sign, anchor = link["href"].partition("#")
            if re.match(r"(https?|mailto):", file):
                link["rel"] = "noopener"
            elif file:
                link["href"] = self.address(file, source, "files") + hash_sign + anchor
        for picture in page.find_all("img", src=True):
            address = picture["src"]
            if re.match(r"(\w+:)?//", address):
                raise ValueError(f"{source.name}: the picture {address} would need a network")
            if not address.startswith(("data:", "figures/")):
                picture["src"] = self.address(address, source, "images")
                picture["loading"] = "lazy"

    def address(self, file: str, source: Path, kind: str) -> str:
        """The place in the site of ``file``, written as in ``source``; copies it if need be."""
        path = (source.parent / unquote(file)).resolve()
        if path in self.pages:
            return self.pages[path]
        if not path.is_file():
            raise FileNotFoundError(f"{source.name} has a dead link: {file}")
        # a browser shows a text file only if its name says that it is one
        name = path.name if path.suffix not in ("", ".md") else f"{path.name}.txt"
        (self.folder / kind).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.folder / kind / name)
        return f"{kind}/{quote(name)}"
