"""What is handed out holds no solution and still works; the solved notebooks hold all of them."""

import json
import shutil
import subprocess
import sys

import nbformat
import pytest

from course_utils.exercises import cells
from course_utils.tools import handout

NOTEBOOKS = sorted((handout.ROOT / "notebooks").glob("0*.ipynb"))


def exercises_of(nb):
    return [cell for cell in nb.cells if "exercise" in cell.metadata.get("tags", [])]


def solutions(lesson):
    """The lines that only a solution has, for each exercise of a lesson."""
    for name, text in cells.cells(lesson).items():
        if name:
            region = cells.REGION.search(text)
            yield name, text, region["solution"].strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The course as handed out."""
    folder = tmp_path_factory.mktemp("out") / "handout"
    handout.main(["--to", str(folder)])
    return folder


def test_no_file_that_is_handed_out_holds_a_solution(folder):
    texts = {
        path.relative_to(folder): path.read_text(encoding="utf-8")
        for suffix in ("py", "md", "txt", "toml")
        for path in folder.rglob(f"*.{suffix}")
    }
    for path in (folder / "notebooks").glob("0*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        texts[path.relative_to(folder)] = "\n".join(cell.source for cell in cells)
    assert len(texts) > 20
    for lesson in range(1, 5):
        for name, _, answer in solutions(lesson):
            if len(answer.splitlines()) > 1:  # a single short line may stand in the lesson itself
                assert [file for file, text in texts.items() if answer in text] == [], name
    assert not [
        file
        for file in texts
        if "BEGIN SOLUTION" in texts[file] and file.name not in ("cells.py", "feedback.py")
    ]


def test_the_handout_works_and_says_that_solutions_are_not_there(folder):
    code = (
        "import course_utils, sys; from course_utils import datasets, exercises\n"
        "print(course_utils.__file__); print(len(datasets.load_questions()['text']))\n"
        "try: exercises.show_solution('anything')\n"
        "except KeyError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    where, bank, message = done.stdout.splitlines()
    assert where.startswith(str(folder)) and int(bank) > 100
    assert "not handed out" in message
    assert {path.name for path in NOTEBOOKS} <= {p.name for p in (folder / "notebooks").iterdir()}


# ---- nothing that somebody wrote is lost --------------------------------------------------------

OLD, NEW = {"a.txt": b"1", "sub/b.txt": b"2"}, {"a.txt": b"one", "sub/c.txt": b"3"}


def contents(folder):
    """What every file below ``folder`` holds, by path; the manifest is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != handout.MANIFEST
    }


def test_a_second_handout_replaces_the_first_and_keeps_what_was_added(tmp_path):
    folder = tmp_path / "new" / "out"
    handout.replace(folder, OLD)
    assert contents(folder) == OLD
    (folder / "sub" / "mine.txt").write_bytes(b"mine")
    handout.replace(folder, NEW)
    handout.replace(folder, NEW)
    assert contents(folder) == NEW | {"sub/mine.txt": b"mine"}


def changed(folder):
    (folder / "a.txt").write_bytes(b"my answer")


def changed_where_the_new_course_has_no_file(folder):
    (folder / "sub" / "b.txt").write_bytes(b"my answer")


def added_where_the_new_course_has_a_file(folder):
    (folder / "sub" / "c.txt").write_bytes(b"my answer")


def a_folder_in_place_of_a_file(folder):
    (folder / "a.txt").unlink()
    (folder / "a.txt").mkdir()


def a_file_in_place_of_a_folder(folder):
    (folder / "sub" / "b.txt").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").write_bytes(b"my answer")


def a_link_to_files_elsewhere(folder):
    (folder / "sub").rename(folder.parent / "elsewhere")
    (folder / "sub").symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        changed,
        changed_where_the_new_course_has_no_file,
        added_where_the_new_course_has_a_file,
        a_folder_in_place_of_a_file,
        a_file_in_place_of_a_folder,
        a_link_to_files_elsewhere,
    ],
    ids=lambda change: change.__name__,
)
def test_a_handout_that_somebody_changed_is_left_alone(tmp_path, change):
    folder = tmp_path / "out"
    handout.replace(folder, OLD)
    change(folder)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match=r"somebody changed (a\.txt|sub/).*--to"):
        handout.replace(folder, NEW)
    assert contents(tmp_path) == before


def test_a_file_that_somebody_deleted_comes_back(tmp_path):
    handout.replace(tmp_path, OLD)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "sub" / "b.txt").unlink()
    handout.replace(tmp_path, OLD)
    assert contents(tmp_path) == OLD


@pytest.mark.parametrize("manifest", [None, "{", "[1]", "7"])
def test_a_folder_of_somebody_else_is_refused(tmp_path, manifest):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    if manifest is not None:
        (tmp_path / handout.MANIFEST).write_text(manifest, encoding="utf-8")
    for arguments in (["--to", str(tmp_path)], ["--solutions", "--to", str(tmp_path)]):
        with pytest.raises(SystemExit, match="did not write it: nothing was changed. Name a new"):
            handout.main(arguments)
    assert list(contents(tmp_path)) == ["thesis.txt"]


def test_a_manifest_that_points_outside_removes_nothing(tmp_path):
    outside, folder = tmp_path / "thesis.txt", tmp_path / "out"
    outside.write_bytes(b"1")
    for name in ("../thesis.txt", str(outside)):
        handout.replace(folder, OLD)
        listed = json.dumps({name: handout.digest(b"1")})
        (folder / handout.MANIFEST).write_text(listed, encoding="utf-8")
        with pytest.raises(FileExistsError):
            handout.replace(folder, OLD)
        assert outside.exists()
        shutil.rmtree(folder)


@pytest.mark.parametrize("part", ["notebooks", "notebooks/solved", "course_utils/assets"])
def test_a_folder_that_would_be_handed_out_itself_is_refused(part):
    folder = handout.ROOT / part
    with pytest.raises(SystemExit, match="part of what is handed out: name a folder elsewhere"):
        handout.main(["--to", str(folder)])
    assert not (folder / handout.MANIFEST).exists()


def test_solved_notebooks_that_somebody_changed_are_not_overwritten(tmp_path):
    path = tmp_path / NOTEBOOKS[0].name
    handout.main(["--solutions", "--to", str(tmp_path)])
    handout.main(["--solutions", "--to", str(tmp_path)])
    assert nbformat.read(path, as_version=4) == handout.with_solutions(NOTEBOOKS[0])
    path.write_text("my own remarks", encoding="utf-8")
    with pytest.raises(SystemExit, match=f"somebody changed {path.name}"):
        handout.main(["--solutions", "--to", str(tmp_path)])
    assert path.read_text(encoding="utf-8") == "my own remarks"


def test_a_handout_itself_has_no_solutions_to_give(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "SOURCES", tmp_path / "not handed out")
    with pytest.raises(SystemExit, match="no solutions for lesson 1 here"):
        handout.main(["--solutions", "--to", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_solved_notebook_has_every_solution_and_differs_in_nothing_else(path):
    solved, given = handout.with_solutions(path), nbformat.read(path, as_version=4)
    nbformat.validate(solved)
    wanted = [cells.solution(text).rstrip() for _, text, _ in solutions(int(path.name[:2]))]
    assert sorted(cell.source for cell in exercises_of(solved)) == sorted(wanted)
    assert all(cell.outputs == [] for cell in exercises_of(solved))
    rest = [
        [cell for cell in nb.cells if "exercise" not in cell.metadata.get("tags", [])]
        for nb in (solved, given)
    ]
    assert rest[0] == rest[1]


def test_a_changed_exercise_is_refused(tmp_path):
    nb = nbformat.read(NOTEBOOKS[0], as_version=4)
    nb.cells[1].metadata["tags"] = ["exercise"]
    nb.cells[1].source = "my_answer = 1"
    nbformat.write(nb, tmp_path / NOTEBOOKS[0].name)
    with pytest.raises(ValueError, match="01_from_rnn_to_bert.ipynb, cell 1 is no untouched"):
        handout.with_solutions(tmp_path / NOTEBOOKS[0].name)
