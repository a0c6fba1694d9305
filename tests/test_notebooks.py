"""The notebooks' form. That their code runs and prints what is stored is nbval's part.

Each check is a function from a notebook to its list of faults, so that the same function can be
shown to catch a bad notebook: `BAD` below breaks one rule at a time.
"""

import dis
import re
from collections import Counter
from pathlib import Path
from types import CodeType

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.internal import notebook_code

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"

# Each notebook, and the claims (rows of the course's list of what it must teach) it owes so far.
OWED = {
    "01_from_rnn_to_bert": "C1 C2 C3 C4 C5 C6 C7 C8 C9 C10",
    "02_mean_pooling": "C11 C12 C13 C14",
    "03_training_objectives": "C15 C16 C17 C18 C19 C20 C21 C22 C23 C24",
    "04_inference_and_sampling": "C25 C26 C27 C28 C29 C30 C31 C32 C33 C34",
}
SLIDES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
# Names that several cells set, always to the same value: where readers may start, for instance.
SAME = {"bert", "triples", "minilm", "bank_vectors", "query_vectors"}
MAX_LINES = 20
MOST_SLIDES = 55  # for two sittings of an hour
# A path of one machine: a home folder, a temporary one, a Windows drive.
MACHINE_PATH = re.compile(r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|work|mnt|var)/\w|[A-Z]:\\\w)")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(\s*<?(?P<source>[^)\s>]*)[^)]*\)")
IMAGE_TAG = re.compile(r"<img\b[^>]*>", re.I)


def cells(nb, kind):
    """(index, cell) of all cells of one kind."""
    return [(i, cell) for i, cell in enumerate(nb.cells) if cell.cell_type == kind]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def form(nb, name):
    """Valid, of the current format (with cell ids, all different), and for the kernel python3."""
    # Not nbformat.validate: that would quietly repair the ids.
    faults = [f"not valid: {error.message}" for error in nbformat.validator.iter_validate(nb)]
    if (nb.nbformat, nb.nbformat_minor) < (4, 5):
        faults.append("not in format 4.5, so without cell ids")
    ids = Counter(cell.get("id") for cell in nb.cells)
    faults += [f"cell id {value!r} is used {n} times" for value, n in ids.items() if n > 1]
    if nb.metadata.get("kernelspec", {}).get("name") != "python3":
        faults.append("the kernel is not python3")
    return faults


def stored_run(nb, name):
    """Outputs come from one run of all cells in order, and hold no error and no stderr."""
    faults = []
    code = [(i, cell) for i, cell in cells(nb, "code") if cell.source.strip()]
    counts = [cell.execution_count for _, cell in code]
    if counts != list(range(1, len(counts) + 1)):
        faults.append(f"execution counts are {counts}, not 1, 2, 3, …")
    for i, cell in code:
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                faults.append(f"cell {i} stores {output.get('ename', 'stderr')}")
    return faults


def slides(nb, name):
    """Every cell says where it stands on the slides."""
    found = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in nb.cells]
    return [
        f"cell {i} has slide_type {kind!r}" for i, kind in enumerate(found) if kind not in SLIDES
    ]


def short_cells(nb, name):
    """A code cell fits on a screen."""
    lengths = [(i, len(cell.source.splitlines())) for i, cell in cells(nb, "code")]
    return [f"cell {i} has {n} lines, over {MAX_LINES}" for i, n in lengths if n > MAX_LINES]


def headings(nb, name):
    """One H1, and no level is skipped."""
    faults, before = [], 0
    for i, cell in cells(nb, "markdown"):
        prose = re.sub(r"```.*?```", "", cell.source, flags=re.S)
        for marks in re.findall(r"^(#{1,6}) ", prose, re.M):
            level = len(marks)
            if level == 1 and before:
                faults.append(f"cell {i} has another H1")
            elif level > before + 1:
                faults.append(f"cell {i} skips from H{before} to H{level}")
            before = level
    return faults


def few_slides(nb, name):
    """At most MOST_SLIDES, and each begins with its title."""
    starts = [
        (i, cell)
        for i, cell in enumerate(nb.cells)
        if cell.metadata.get("slideshow", {}).get("slide_type") in ("slide", "subslide")
    ]
    faults = [
        f"slide in cell {i} has no title"
        for i, cell in starts
        if cell.cell_type != "markdown" or not re.match(r"(<a id=\S+></a>\s*)?#+ ", cell.source)
    ]
    if len(starts) > MOST_SLIDES:
        faults.append(f"{len(starts)} slides, over {MOST_SLIDES}")
    return faults


def images(nb, name):
    """Every image in the text has an alternative text and is a file of the course."""
    faults = []
    for i, cell in cells(nb, "markdown"):
        found = [(match["alt"], match["source"]) for match in IMAGE.finditer(cell.source)]
        for tag in IMAGE_TAG.findall(cell.source):
            fields = dict(re.findall(r"""(\w+)\s*=\s*["']([^"']*)["']""", tag))
            found.append((fields.get("alt", ""), fields.get("src", "")))
        for alt, source in found:
            if not alt.strip():
                faults.append(f"cell {i}: image {source} has no alternative text")
            if re.match(r"(\w+:)?//|data:", source):
                faults.append(f"cell {i}: image {source} is not a file of the course")
            elif not source.startswith("attachment:") and not (FOLDER / source).is_file():
                faults.append(f"cell {i}: image {source} does not exist")
    return faults


def no_machine_paths(nb, name):
    """Neither text nor code nor stored output names a folder of the machine it was written on."""
    faults = []
    for i, cell in enumerate(nb.cells):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
        found = [match[0] for text in texts for match in MACHINE_PATH.finditer(text)]
        faults += [f"cell {i} names the path {path}…" for path in found]
    return faults


def claims(nb, name):
    """A claim is a code cell tagged with its id that asserts, and text that names it."""
    faults = []
    proofs = {}
    for i, cell in cells(nb, "code"):
        ids = {tag for tag in tags(cell) if re.fullmatch(r"C\d+", tag)}
        if not ids:
            continue
        if "nbval-skip" in tags(cell) or "NBVAL_SKIP" in cell.source:
            faults.append(f"cell {i} proves {sorted(ids)} but is skipped by nbval")
        elif re.search(r"^\s*assert\b|(?<!def )\bcheck\w*\(", cell.source, re.M):
            proofs |= dict.fromkeys(ids, i)
    text = "\n".join(cell.source for _, cell in cells(nb, "markdown"))
    for claim in OWED.get(name, "").split():
        if claim not in proofs:
            faults.append(f"{claim} has no code cell that is tagged with it and asserts")
        if not re.search(rf"\b{claim}\b", text):
            faults.append(f"{claim} is not named in the text")
    return faults


def marks(nb, name):
    """A claim's mark is a link to an anchor, and the proof is one of the next three cells."""
    faults, anchors = [], {}
    for i, cell in cells(nb, "markdown"):
        anchors |= dict.fromkeys(re.findall(r'<a id="([^"]+)">', cell.source), i)
    for i, cell in cells(nb, "markdown"):
        for claim, anchor in re.findall(r"\[([CX]\d+)\]\(#([^)]+)\)", cell.source):
            start = anchors.get(anchor, len(nb.cells))
            if not any(claim in tags(near) for near in nb.cells[start + 1 : start + 4]):
                faults.append(f"cell {i}: the mark {claim} does not lead to its cell")
    return faults


def reads_and_sets(source):
    """The names that a cell takes from cells before it, and those that it sets; no imports."""
    read, given = set(), set()

    def walk(code, inside):
        before = ""
        for step in dis.get_instructions(code):
            if isinstance(step.argval, CodeType):  # a function: its globals
                walk(step.argval, True)
            elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in given:
                read.add(step.argval)
            elif step.opname == "STORE_NAME" and not inside and not before.startswith("IMPORT"):
                given.add(step.argval)
            before = step.opname

    walk(compile(notebook_code.parse(source), "cell", "exec"), False)
    return read, given


def run_again(nb, name):
    """A cell that is run once more, after all others, reads what it read: no name changes sides."""
    found = [(i, *reads_and_sets(cell.source)) for i, cell in cells(nb, "code")]
    faults = []
    for place, (i, read, _) in enumerate(found):
        for word in sorted(read - SAME):
            before = [j for j, _, given in found[:place] if word in given]
            later = [j for j, _, given in found[place:] if word in given]
            if before and later:
                faults.append(f"cell {i} reads {word!r} of cell {before[-1]}; {later[0]} sets it")
    return faults


CHECKS = [
    form, stored_run, slides, few_slides, headings, short_cells, images, no_machine_paths, claims,
    marks, run_again,
]  # fmt: skip
by_name = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
NOTEBOOKS = sorted(OWED.keys() | {path.stem for path in FOLDER.glob("*.ipynb")})


@by_name
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(name, check):
    path = FOLDER / f"{name}.ipynb"
    assert path.is_file(), f"{path.name} is missing"
    assert not check(nbformat.v4.reads(path.read_text(encoding="utf-8")), name)


# ---- The checks themselves: each accepts a good notebook and catches made-up faults ------------

NAME = "02_mean_pooling"


def good_notebook():
    """Small, and right in all respects."""
    slide, more = ({"slideshow": {"slide_type": kind}} for kind in ("slide", "-"))
    nb = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    nb.cells = [
        new_markdown_cell(f"# Claims {OWED[NAME]}, or 1/2 of them", metadata=dict(slide)),
        new_code_cell(
            "print(1)\nassert 1 + 1 == 2, 'arithmetic'",
            metadata=more | {"tags": OWED[NAME].split()},
            execution_count=1,
            outputs=[new_output("stream", name="stdout", text="1\n")],
        ),
        new_code_cell("check_answer(2)", metadata=dict(more), execution_count=2),
    ]
    return nb


def text(source):
    """A fault: this Markdown instead of the good notebook's."""
    return lambda nb: nb.cells[0].update(source=source)


def slide_type(kind):
    """A fault: the last cell begins a slide of this kind."""
    return lambda nb: nb.cells[2].metadata.slideshow.update(slide_type=kind)


def code(source):
    return lambda nb: nb.cells[1].update(source=source)


def codes(*sources):
    """A fault: these cells of code instead of the good notebook's."""
    return lambda nb: nb.update(cells=nb.cells[:1] + [new_code_cell(text) for text in sources])


def output(kind, **fields):
    return lambda nb: nb.cells[1].update(outputs=[new_output(kind, **fields)])


BAD = [
    (form, "not valid", lambda nb: nb.cells[0].pop("id")),
    (form, "2 times", lambda nb: nb.cells[0].update(id=nb.cells[1].id)),
    (form, "not python3", lambda nb: nb.metadata.kernelspec.update(name="julia")),
    (stored_run, "counts are [5, 2]", lambda nb: nb.cells[1].update(execution_count=5)),
    (stored_run, "NameError", output("error", ename="NameError", evalue="", traceback=[])),
    (stored_run, "stderr", output("stream", name="stderr", text="Warning\n")),
    (slides, "cell 0 has slide_type None", lambda nb: nb.cells[0].metadata.clear()),
    (slides, "'big'", slide_type("big")),
    (few_slides, "cell 2 has no title", slide_type("slide")),
    (few_slides, "cell 0 has no title", text("Claims C11, C12")),
    (few_slides, "56 slides", lambda nb: nb.cells.extend(nb.cells[:1] * 55)),
    (headings, "cell 0 has another H1", text("# One\n\n## Two\n\n# Three")),
    (headings, "cell 0 skips from H1 to H3", text("# One\n\n```\n## no heading\n```\n\n### Two")),
    (headings, "cell 0 skips from H0 to H2", text("## Two")),
    (short_cells, "21 lines", code("x = 1\n" * 21)),
    (images, "no alternative", text('<img src="02_mean_pooling.ipynb">')),
    (images, "does not exist", text("![a map](../images/nowhere.svg)")),
    (images, "not a file of", text("![a map](https://example.org/map.png 'title')")),
    (no_machine_paths, "C:\\U", code(r"open('C:\Users\ada\data.csv')")),
    (no_machine_paths, "/tmp/x", output("stream", name="stdout", text="saved to /tmp/x\n")),
    (no_machine_paths, "/root/m", output("display_data", data={"text/plain": "'/root/m'"})),
    (claims, "C12 has no code cell", lambda nb: nb.cells[1].metadata.update(tags=["C11", "C14"])),
    (claims, "C11 has no code cell", code("print('assert nothing')")),
    (claims, "C14 is not named", text("# Claims C11, C12 and C140")),
    (marks, "mark C13 does not", text("Claims [C13](#C13)")),
    (marks, "mark C77 does not", text('<a id="C77"></a> Claims [C77](#C77)')),
    (run_again, "cell 2 reads 'a' of cell 1; 2 sets it", codes("a = 1", "a = a + 1")),
    (run_again, "cell 2 reads 'a' of cell 1; 3 sets it", codes("a = 1", "print(a)", "a = 2")),
    (
        run_again,
        "cell 2 reads 'a' of cell 1; 3 sets it",
        codes("a, b = 1, 2", "def f(x):\n    return [x + a for x in range(x)]", "for a in 1, 2: 0"),
    ),
    (claims, "skipped", lambda nb: nb.cells[1].metadata.tags.append("nbval-skip")),
]


@by_name
def test_check_accepts_a_good_notebook(check):
    assert check(good_notebook(), NAME) == []


@pytest.mark.parametrize("check, fault, spoil", BAD, ids=lambda x: getattr(x, "__name__", None))
def test_check_catches_a_bad_notebook(check, fault, spoil):
    nb = good_notebook()
    spoil(nb)
    assert fault in "\n".join(check(nb, NAME))


def test_every_check_is_shown_to_catch_something():
    assert {check for check, _, _ in BAD} == set(CHECKS)


def test_a_missing_notebook_fails():
    with pytest.raises(AssertionError, match="00_nowhere.ipynb is missing"):
        test_notebook("00_nowhere", form)
