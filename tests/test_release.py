"""The check before a release, and the files that only other machines run."""

import json
import shutil
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import course_utils
from course_utils.slides import export
from course_utils.tools import handout, release


def test_all_files_name_the_same_version():
    assert release.wrong_versions() == []


def write(root, changes, citation, *cells):
    (root / "notebooks").mkdir()
    (root / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    (root / "CITATION.cff").write_text(citation, encoding="utf-8")
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "01_a.ipynb")


def ran(count):
    """A code cell with its output; ``count`` is its number in the run that stored it."""
    return new_code_cell("print(1)", execution_count=count)


@pytest.mark.parametrize("counts, stale", [((1, None), 1), ((2, 3), 2), ((1, 2, 2), 1)])
def test_another_version_and_stale_outputs_are_named(tmp_path, counts, stale):
    now = course_utils.__version__
    write(tmp_path, "# Changes\n\n## 1999.1\n", f'version: "{now}"\n', *map(ran, counts))
    assert release.wrong_versions(tmp_path) == [f"CHANGELOG.md says 1999.1, the package {now}"]
    said = [f"01_a.ipynb: {stale} cells do not have the output of the last run"]
    assert release.stale_outputs(tmp_path) == said


def test_a_folder_in_order_has_no_complaints(tmp_path):
    now = course_utils.__version__
    write(tmp_path, f"## {now}\n", f"version: {now}\n", ran(1), new_code_cell(""), ran(2))
    assert release.wrong_versions(tmp_path) == release.stale_outputs(tmp_path) == []


def test_slides_and_handouts_show_the_version(tmp_path, capsys, monkeypatch):
    now = course_utils.__version__
    write(tmp_path, "", "", ran(1))
    assert f"Version {now}<" in export.export(tmp_path / "notebooks" / "01_a.ipynb")
    monkeypatch.setattr(handout, "without_solutions", dict)  # no files: no git is needed
    handout.main(["--to", str(tmp_path / "given")])
    assert f"version {now} written to" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_git_gives_every_system_the_same_bytes(tmp_path):
    def git(*command):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    shutil.copy(release.ROOT / ".gitattributes", tmp_path)
    (tmp_path / "a.csv").write_bytes(b"id,text\n")
    git("add", ".")
    (tmp_path / "a.csv").unlink()
    git("-c", "core.autocrlf=true", "checkout", "a.csv")  # as Git for Windows is set up
    assert (tmp_path / "a.csv").read_bytes() == b"id,text\n"


def test_the_files_for_other_machines_can_be_read():
    yaml = pytest.importorskip("yaml")
    read = lambda path: path.read_text(encoding="utf-8")  # noqa: E731
    for path in (release.ROOT / ".github" / "workflows").glob("*.yml"):
        flow = yaml.safe_load(read(path))
        assert flow["permissions"] == {"contents": "read"}
        for job in flow["jobs"].values():
            assert job["timeout-minutes"] and job["steps"]
            assert "secrets" not in str(job)
    assert yaml.safe_load(read(release.ROOT / "CITATION.cff"))["cff-version"] == "1.2.0"
    container = json.loads(read(release.ROOT / ".devcontainer" / "devcontainer.json"))
    assert container["hostRequirements"]["memory"] == "8gb"


@pytest.mark.parametrize("lesson", [1, 2, 3, 4])
def test_before_its_first_code_a_notebook_says_what_to_do_in_another_python(lesson):
    [path] = (release.ROOT / "notebooks").glob(f"{lesson:02}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    first = next(i for i, cell in enumerate(cells) if cell.cell_type == "code")
    said = " ".join(cell.source for cell in cells[:first])
    for word in ("ModuleNotFoundError", "make lab", "VS Code", ".venv", "Colab", "%pip install"):
        assert word in said, word
