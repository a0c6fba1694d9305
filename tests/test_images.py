"""The course's pictures: drawn by images/draw.py, small, self-contained, and in use.

Each file is compared with a fresh drawing, see svg_checks.py.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from svg_checks import differences, faults

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "images"
FILES = sorted(IMAGES.glob("*.svg"))
MAX_BYTES = 150_000
MAX_INCHES = (11, 5)

by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def used():
    """The names of all pictures that a notebook's text, the glossary or the README shows."""
    texts = [(ROOT / "README.md").read_text(encoding="utf-8")]
    texts += [path.read_text(encoding="utf-8") for path in ROOT.glob("notebooks/*.md")]
    for path in ROOT.glob("notebooks/*.ipynb"):
        nb = nbformat.v4.reads(path.read_text(encoding="utf-8"))
        texts += [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    shown = re.findall(
        r"""!\[[^\]]*\]\(\s*<?([^)\s>]+)|<img\b[^>]*\bsrc=["']([^"']+)""", "\n".join(texts)
    )
    return {Path(unquote(one or two)).name for one, two in shown}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with all pictures drawn again, as `make images` draws them."""
    folder = tmp_path_factory.mktemp("images")
    subprocess.run([sys.executable, IMAGES / "draw.py", folder], check=True, cwd=ROOT)
    return folder


def test_the_script_draws_these_files_and_no_others(drawn):
    assert [path.name for path in FILES] == sorted(path.name for path in drawn.iterdir())


@by_file
def test_file_is_what_the_script_draws(drawn, path):
    fresh = (drawn / path.name).read_text(encoding="utf-8")
    assert not differences(path.read_text(encoding="utf-8"), fresh), "run: make images"


def test_drawing_twice_gives_the_same_bytes(drawn, tmp_path):
    subprocess.run([sys.executable, IMAGES / "draw.py", tmp_path], check=True, cwd=ROOT)
    for path in drawn.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


@by_file
def test_picture_is_fit_for_any_page(path):
    assert not faults(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < MAX_BYTES


@by_file
def test_picture_fits_on_a_slide(path):
    root = ElementTree.parse(path).getroot()
    size = [float(root.get(name).removesuffix("pt")) / 72 for name in ("width", "height")]
    assert all(0 < length <= most for length, most in zip(size, MAX_INCHES, strict=True)), size


def test_the_scripts_list_names_every_picture():
    listed = re.findall(r"^  ([\w-]+) +\S", (IMAGES / "draw.py").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == [path.stem for path in FILES]


def test_every_picture_is_used():
    assert not {path.name for path in FILES} - used(), "embed it or delete it"


def test_make_images_runs_the_script():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^images:.*\n\t@\$\(PY\) images/draw\.py$", makefile, re.M)
    assert re.search(r"^\.PHONY:.*\bimages\b", makefile, re.M)  # there is a folder of that name


# ---- The checks themselves ---------------------------------------------------------------------

GOOD = (
    '<svg role="img" aria-label="two boxes and one arrow" width="72pt" '
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    "<title>two boxes and one arrow</title>"
    '<g id="a"><path d="M 1.00 2.00"/><use xlink:href="#a"/></g></svg>'
)
SPOILED = {
    "a script": ("<g", "<script>alert(1)</script><g"),
    "something from outside": ('d="', 'style="fill: url(other.svg#a)" d="'),
    "no label": ('aria-label="two boxes and one arrow"', ""),
}


def test_fit_picture_has_no_faults():
    assert faults(GOOD) == []


@pytest.mark.parametrize("old, new", SPOILED.values(), ids=SPOILED.keys())
def test_unfit_picture_is_noticed(old, new):
    assert faults(GOOD.replace(old, new, 1))


def test_difference_is_noticed_and_rounding_is_not():
    assert differences(GOOD, GOOD) == []
    assert differences(GOOD, GOOD.replace("1.00", "1.01")) == []
    for change in (("1.00", "1.05"), ("M", "L"), ("<use", "<g/><use")):
        assert differences(GOOD, GOOD.replace(*change)), change
