"""What is handed out holds no solution and still works; the solved notebooks hold all of them."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

from course_utils.internal import cells
from course_utils.tools import handout

NOTEBOOKS = sorted((handout.ROOT / "notebooks").glob("0*.ipynb"))
SOURCES = {path: cells.cells(int(path.name[:2])) for path in NOTEBOOKS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The course as handed out; not where the course came without git, as a zip file."""
    try:
        handout.course_files()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("out") / "handout"
    handout.main(["--to", str(folder)])
    return folder


def contents(folder):
    """What every file below ``folder`` holds, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_no_file_that_is_handed_out_holds_a_solution(folder):
    texts = {
        name: content.decode("utf-8")
        for name, content in contents(folder).items()
        if name.endswith((".py", ".md", ".txt", ".toml"))
    }
    for path in (folder / "notebooks").glob("0*.ipynb"):
        nb = nbformat.read(path, as_version=4)
        texts[path.name] = "\n".join(cell.source for cell in nb.cells)
    assert len(texts) > 20
    for path, sources in SOURCES.items():
        for name in sources.keys() - {""}:
            answer = cells.REGION.search(sources[name])["solution"].strip()
            if len(answer.splitlines()) > 1:  # a single short line may be in the lesson itself
                found = [file for file, text in texts.items() if answer in text]
                assert not found, (path.name, name)
    marked = {file for file in texts if "BEGIN SOLUTION" in texts[file]}
    assert marked <= {"course_utils/internal/cells.py"}


def test_the_handout_works_and_says_that_solutions_are_not_there(folder):
    code = (
        "import course_utils, sys; from course_utils import datasets, exercises\n"
        "print(course_utils.__file__); print(len(datasets.load_questions()['text']))\n"
        "try: exercises.show_solution('anything')\n"
        "except KeyError as error: print(error)"
    )
    command = [sys.executable, "-B", "-c", code]  # -B: nothing translated is left in the folder
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    where, bank, message = done.stdout.splitlines()
    assert where.startswith(str(folder)) and int(bank) > 100
    assert "not handed out" in message


def test_only_the_courses_own_files_are_handed_out(folder):
    given = set(contents(folder))
    assert given < set(handout.course_files())
    hidden = {".gitignore", ".ci/run", ".devcontainer/devcontainer.json"}
    assert hidden | {"tests/conftest.py"} <= given
    assert {f"notebooks/{path.name}" for path in NOTEBOOKS} <= given


def test_no_test_that_is_handed_out_needs_what_is_not(folder):
    needs = re.compile(r'"--solutions"|with_solutions|solved_notebooks|cells\.solution')
    tests = sorted((folder / "tests").rglob("*.py"))
    assert len(tests) > 50
    assert not [p.name for p in tests if needs.search(p.read_text(encoding="utf-8"))]


def test_a_file_of_any_name_is_handed_out(tmp_path):
    """Under a locale that knows no such letters, as Windows' code pages do not know all."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "__init__.py").touch()
    (tmp_path / os.fsdecode("Übung ş.csv".encode())).touch()
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    code = (
        "import pathlib, sys; from course_utils.tools import handout\n"
        "handout.ROOT = pathlib.Path(sys.argv[1]); print(len(handout.course_files()))"
    )
    plain = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=handout.ROOT, env=plain, stdout=subprocess.PIPE, check=True)
    assert done.stdout.strip() == b"2"


# ---- The notebooks ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stubs_and_outputs_of_a_solved_notebook_are_put_back(path, tmp_path):
    assert handout.untouched(path) == path.read_bytes()
    solved = handout.with_solutions(path)
    nbformat.validate(solved)
    nbformat.write(solved, tmp_path / path.name)
    given = nbformat.reads(handout.untouched(tmp_path / path.name).decode(), as_version=4)
    original = nbformat.read(path, as_version=4)
    assert [cell.source for cell in given.cells] == [cell.source for cell in original.cells]
    assert not [cell for cell in given.cells if cell.get("outputs")]
    wanted = [cells.solution(text).rstrip() for name, text in SOURCES[path].items() if name]
    answered = {cell.source for _, cell in handout.exercise_cells(solved)}
    assert answered <= set(wanted) and len(answered) >= 4


def test_a_stub_with_the_answers_output_is_cleared(tmp_path):
    nb = nbformat.read(NOTEBOOKS[0], as_version=4)
    cell = handout.exercise_cells(nb)[0][1]
    cell.outputs = [nbformat.v4.new_output("stream", text="Right: True below the diagonal")]
    nbformat.write(nb, tmp_path / NOTEBOOKS[0].name)
    assert b"below the diagonal" not in handout.untouched(tmp_path / NOTEBOOKS[0].name)


@pytest.mark.parametrize("make", [handout.untouched, handout.with_solutions])
def test_an_unknown_exercise_is_named(tmp_path, make):
    nb = nbformat.read(NOTEBOOKS[0], as_version=4)
    nb.cells[1].metadata["tags"] = ["exercise"]
    nb.cells[1].source = "my_answer = 1"
    nbformat.write(nb, tmp_path / NOTEBOOKS[0].name)
    with pytest.raises(ValueError, match="01_from_rnn_to_bert.ipynb, cell 1 is no exercise"):
        make(tmp_path / NOTEBOOKS[0].name)


def test_a_handout_itself_has_no_solutions_to_give(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "SOURCES", tmp_path / "not handed out")
    with pytest.raises(SystemExit, match="no solutions for lesson 1 here"):
        handout.main(["--solutions", "--to", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


# ---- Nothing that somebody wrote is lost --------------------------------------------------------

FILES = {"a.txt": b"1", "sub/b.txt": b"2"}


@pytest.mark.parametrize("arguments", [[], ["--solutions"]])
def test_a_folder_that_is_not_empty_is_refused(tmp_path, arguments):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(SystemExit, match="is not empty: nothing was changed"):
        handout.main(["--to", str(tmp_path), *arguments])
    assert list(contents(tmp_path)) == ["thesis.txt"]


def test_replace_moves_what_is_there_and_keeps_its_git(tmp_path):
    folder = tmp_path / "out"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_bytes(b"git's")
    assert handout.write(folder, FILES) is None
    (folder / "a.txt").write_bytes(b"my answer")
    for number in (1, 2):
        handout.check_target(folder, replace=True, solutions=False)
        assert handout.write(folder, FILES) == tmp_path / f"out-before-{number}"
    assert contents(folder) == FILES | {".git/config": b"git's"}
    assert contents(tmp_path / "out-before-1") == FILES | {"a.txt": b"my answer"}


def test_a_run_that_is_cut_off_changes_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    handout.write(folder, FILES)
    with pytest.raises(TypeError):
        handout.write(folder, {"a.txt": b"new", "c.txt": None})  # as a full disk, in the middle
    assert contents(tmp_path) == {f"out/{name}": content for name, content in FILES.items()}


def test_solutions_never_go_into_a_handout(folder):
    before = contents(folder)
    for replace in ([], ["--replace"]):
        with pytest.raises(SystemExit, match="students may see it: nothing was changed"):
            handout.main(["--solutions", "--to", str(folder), *replace])
    assert contents(folder) == before


@pytest.mark.parametrize(
    "part", ["notebooks", "notebooks/solved", "course_utils/assets", ".", ".."]
)
def test_a_folder_of_the_course_itself_is_refused(part):
    with pytest.raises(SystemExit, match="part of the course itself: name a folder elsewhere"):
        handout.main(["--replace", "--to", str(handout.ROOT / part)])


@pytest.mark.parametrize("inside", [False, True], ids=["no git", "unpacked in another clone"])
def test_without_git_it_says_so(tmp_path, monkeypatch, inside):
    monkeypatch.setattr(handout, "ROOT", tmp_path)
    if inside:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with pytest.raises(FileNotFoundError, match="install git, and run this in a clone"):
        handout.course_files()
