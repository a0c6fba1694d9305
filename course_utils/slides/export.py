"""Slides of a notebook as one HTML file that needs nothing else: ``make slides``.

nbconvert makes the slides from the cells' slide types; this module puts everything that they
need into the page: reveal.js and MathJax (``slides/page/vendor``), pictures, and DejaVu, the
font of the figures, cut down to the characters that occur. A widget is shown by its stored
figure, except those that ``live`` keeps alive.

    python -m course_utils.slides notebooks/01_from_rnn_to_bert.ipynb
    python -m course_utils.slides --check notebooks/01_from_rnn_to_bert.ipynb
    python -m course_utils.slides --pdf notebooks/01_from_rnn_to_bert.ipynb
"""

from __future__ import annotations

import base64
import io
import mimetypes
import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

import matplotlib
import nbformat
from bs4 import BeautifulSoup
from fontTools import subset
from traitlets.config import Config

import course_utils
from course_utils.slides import live

ROOT = Path(__file__).resolve().parents[2]
ASSETS = Path(__file__).resolve().parent / "page"
FOLDER = Path("build/slides")
FONTS = {  # what the style sheet calls it: (file in matplotlib, weight, style)
    "Deck Sans": [
        ("DejaVuSans.ttf", "normal", "normal"),
        ("DejaVuSans-Bold.ttf", "bold", "normal"),
        ("DejaVuSans-Oblique.ttf", "normal", "italic"),
    ],
    "Deck Mono": [
        ("DejaVuSansMono.ttf", "normal", "normal"),
        ("DejaVuSansMono-Bold.ttf", "bold", "normal"),
        ("DejaVuSansMono-Oblique.ttf", "normal", "italic"),
    ],
}


def sections(nb) -> tuple[str, str]:
    """The slides of a notebook as nested ``<section>``s, and the style of its code, both text.

    Raises the same errors as ``live.add_live_widgets``.
    """
    from nbconvert.exporters import SlidesExporter

    live.add_live_widgets(nb)
    config = Config()
    config.SlidesExporter.exclude_anchor_links = True
    config.SlidesExporter.exclude_input_prompt = True
    config.SlidesExporter.exclude_output_prompt = True
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"hide-input"}  # the figure says it all
    config.CSSHTMLHeaderPreprocessor.style = "default"
    # a widget does not work without a kernel: its picture is shown instead
    config.NbConvertBase.display_data_priority = ["text/html", "image/svg+xml", "image/png"] + [
        "text/markdown", "text/plain"
    ]  # fmt: skip
    exporter = SlidesExporter(
        config=config,
        template_name="course",
        extra_template_basedirs=[str(ASSETS / "templates")],
    )
    body, resources = exporter.from_notebook_node(nb)
    return body, "\n".join(resources["inlining"]["css"])


def self_contained(body: str, folder: Path) -> str:
    """``body`` with its pictures inside and no dead link; files are looked up from ``folder``.

    (nbconvert's own embedding of pictures closes every open ``<details>``.) Raises
    FileNotFoundError for a picture that is not there, ValueError for one of a network.
    """
    page = BeautifulSoup(body, "html.parser")
    for picture in page.find_all("img"):
        source = picture.get("src") or "data:"  # no src: nothing is drawn, in the notebook too
        if re.match(r"(\w+:)?//", source):
            raise ValueError(f"the picture {source} would need a network: keep a copy in images/")
        if not source.startswith("data:"):
            kind = mimetypes.guess_type(source)[0]
            data = base64.b64encode((folder / unquote(source)).read_bytes()).decode()
            picture["src"] = f"data:{kind};base64,{data}"
    for link in page.find_all("a"):
        fix_link(link, folder)
    return str(page)


def fix_link(link, folder: Path) -> None:
    """Change a link (a BeautifulSoup tag) that would be dead on slides.

    One to an entry of the glossary becomes a tooltip with that entry; one to another notebook of
    the course leads to its slides; any other to a file or within the page becomes plain text.
    """
    file, _, anchor = link.get("href", "").partition("#")
    if re.match(r"https?://", file):
        link.attrs |= {"target": "_blank", "rel": "noopener"}
    elif file.endswith(".ipynb"):
        link["href"] = f"{Path(file).stem}.slides.html"
    elif entry := glossary_entry(folder / file, anchor):
        link.name, link.attrs = "abbr", {"title": entry}
    else:
        link.unwrap()


def glossary_entry(path: Path, anchor: str) -> str:
    """What a glossary says under the heading ``anchor``, formulas left out; "" if nothing.

    An entry ends in a paragraph of links, which is left out too.
    """
    if path.name != "glossary.md" or not path.is_file():
        return ""
    for part in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        title, _, text = part.partition("\n")
        if title.strip().replace(" ", "-") == anchor:
            said = [p for p in text.strip().split("\n\n")[:-1] if not p.startswith("$$")]
            text = " ".join(said).replace("\\cdot", "·").replace("\\sum", "Σ")
            return " ".join(re.sub(r"[*`$]|\\(?=\w)", "", text).split())
    return ""


def font_faces(text: str) -> str:
    """CSS that defines the fonts of the slides, cut down to the characters of ``text``."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    options = subset.Options(notdef_outline=True)
    options.drop_tables += ["FFTM"]  # FontForge's time stamp, which subsetting complains of
    rules = []
    for family, files in FONTS.items():
        for name, weight, style in files:
            font = subset.load_font(str(folder / name), options)
            cutter = subset.Subsetter(options)
            cutter.populate(text=text)
            cutter.subset(font)
            font.flavor = "woff"
            buffer = io.BytesIO()
            font.save(buffer)
            data = base64.b64encode(buffer.getvalue()).decode()
            rules.append(
                f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: '
                f'{style}; src: url("data:font/woff;base64,{data}") format("woff"); }}'
            )
    return "\n".join(rules)


def export(path: Path) -> str:
    """The HTML page of a notebook's slides.

    Raises FileNotFoundError without the notebook, and ValueError, which names notebook and cell,
    for a picture or a widget that cannot be shown.
    """
    try:
        nb = nbformat.read(path, as_version=4)
    except ValueError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    try:
        body, code_style = sections(nb)
        body = self_contained(body, path.parent)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}, {_cell_of(nb, error)}{error}") from error
    read = lambda name: (ASSETS / name).read_text(encoding="utf-8")  # noqa: E731
    characters = "".join(set(re.sub(r'"data:[^"]*"', "", body)) | set(map(chr, range(32, 127))))
    styles = [font_faces(characters + "…·"), read("vendor/reveal.css"), code_style]
    names = ["vendor/tex-svg.js", "vendor/reveal.js", "vendor/notes.js"]
    names += ["explorers.js", "slides.js"]
    parts = {
        "title": escape(path.stem),
        "styles": "\n".join([*styles, read("slides.css")]),
        "slides": body,
        "version": course_utils.__version__,
        "scripts": "</script>\n<script>".join(map(read, names)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], read("page.html"))


def _cell_of(nb, error: Exception) -> str:
    """Which cell an error about a picture is about: ``"cell 3: "``, or nothing."""
    if str(error).startswith("cell "):
        return ""
    words = re.findall(r"[^\s'\"]*[./][^\s'\"]*", str(error))
    for number, cell in enumerate(nb.cells):
        for word in words:
            if unquote(Path(word).name) in unquote(cell.source):
                return f"cell {number}: "
    return ""


def write(paths, folder: Path) -> list[Path]:
    """Export the notebooks ``paths`` to ``folder/NAME.slides.html``; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in map(Path, paths):
        page = folder / f"{path.stem}.slides.html"
        page.write_text(export(path), encoding="utf-8")
        written.append(page)
    return written
