"""The glossary: in order, every link right, every term linked where it appears first."""

import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("0*.ipynb"))
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def read_entries(text):
    """The terms and what is said of each: a list of (heading, body)."""
    parts = re.split(r"^### (.*)$", text, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def anchor(heading):
    """The address of a heading, on a code-hosting site and in JupyterLab.

    The site writes it in lower case, drops punctuation and puts a hyphen for each space; JupyterLab
    does only the last. A heading of lower-case letters, digits and hyphens has the same in both.
    """
    return heading.replace(" ", "-")


def home(body):
    """The notebook that an entry names: the first link of its last paragraph."""
    found = LINK.search(body.strip().rpartition("\n\n")[2])
    return found[1].removesuffix(".ipynb") if found else None


def faults(text):
    """What is wrong with the glossary as a text of its own."""
    entries = read_entries(text)
    headings = [heading for heading, _ in entries]
    anchors = {anchor(heading) for heading in headings}
    found = [] if headings == sorted(headings) else ["not from A to Z"]
    found += [f"{name!r} twice" for name in anchors if headings.count(name.replace("-", " ")) > 1]
    for heading, body in entries:
        if not re.fullmatch(r"[a-z][a-z0-9]*([ -][a-z0-9]+)*", heading):
            found.append(f"{heading!r} would have different addresses in different places")
        explanation, _, last = body.strip().rpartition("\n\n")
        if len(explanation.split()) < 5:
            found.append(f"{heading!r} is not explained")
        if home(body) not in NAMES:
            found.append(f"{heading!r} names no notebook")
        seen = [link for link in LINK.findall(last) if link.startswith("#")]
        if not seen or "see also" not in last or f"#{anchor(heading)}" in seen:
            found.append(f"{heading!r} has no other term to see also")
    for link in LINK.findall(text):
        file, _, place = link.partition("#")
        if (file and not (FOLDER / file).is_file()) or (place and place not in anchors):
            found.append(f"{link} leads nowhere")
    return found


def glossary():
    return (FOLDER / "glossary.md").read_text(encoding="utf-8")


def links_from(name):
    """The glossary's addresses that a notebook links to, as a list."""
    nb = nbformat.v4.reads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return re.findall(r"""(?:\]\(|href=["'])(?:\./)?glossary\.md#?([^)"'\s]*)""", text)


def test_glossary_is_in_order():
    assert not faults(glossary())


def test_glossary_has_the_courses_terms():
    assert len(read_entries(glossary())) >= 50


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_notebook_lead_to_entries(name):
    anchors = {anchor(heading) for heading, _ in read_entries(glossary())}
    assert set(links_from(name)) - {""} <= anchors


@pytest.mark.parametrize("name", NAMES)
def test_notebook_links_the_terms_it_introduces(name):
    own = {anchor(heading) for heading, body in read_entries(glossary()) if home(body) == name}
    missing = sorted(own - set(links_from(name)))
    assert not missing, f"link these at their first use: {missing}"


# ---- The checks themselves ---------------------------------------------------------------------

GOOD = """# Glossary

### batch

Several examples that travel through it together.

[Notebook 2](02_mean_pooling.ipynb) · see also [top-k](#top-k)

### top-k

Choosing only among the best of all words.

[Notebook 4](04_inference_and_sampling.ipynb) · see also [batch](#batch)
"""
SPOILED = {
    "not from A to Z": ("### batch", "### zebra crossing"),
    "different addresses": ("### top-k", "### Top-k"),
    "#bach leads nowhere": ("(#batch)", "(#bach)"),
}


def test_good_glossary_has_no_faults():
    assert faults(GOOD) == []


@pytest.mark.parametrize("fault", SPOILED)
def test_fault_is_noticed(fault):
    assert fault in "\n".join(faults(GOOD.replace(*SPOILED[fault])))
