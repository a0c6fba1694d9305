"""What is handed out holds no solution and still works; the solved notebooks hold all of them."""

import subprocess
import sys

import nbformat
import pytest

from course_utils.exercises import core, handout

NOTEBOOKS = sorted((handout.ROOT / "notebooks").glob("0*.ipynb"))


def exercises_of(nb):
    return [cell for cell in nb.cells if "exercise" in cell.metadata.get("tags", [])]


def solutions(lesson):
    """The lines that only a solution has, for each exercise of a lesson."""
    for name, text in core.cells(lesson).items():
        if name:
            region = core.REGION.search(text)
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
        file for file in texts if "BEGIN SOLUTION" in texts[file] and "core" not in str(file)
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


def test_a_second_handout_replaces_the_first(folder):
    (folder / "old.txt").touch()
    handout.hand_out(folder)
    assert not (folder / "old.txt").exists() and (folder / "requirements.txt").is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_solved_notebook_has_every_solution_and_differs_in_nothing_else(path):
    solved, given = handout.with_solutions(path), nbformat.read(path, as_version=4)
    nbformat.validate(solved)
    wanted = [core.solution(text).rstrip() for _, text, _ in solutions(int(path.name[:2]))]
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
