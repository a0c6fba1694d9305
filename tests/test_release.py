"""The check before a release, and the files that only other machines run."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import course_utils
from course_utils.tools import release


def test_all_files_name_the_same_version():
    assert release.wrong_versions() == []


def write(root, changes, citation, cell):
    (root / "notebooks").mkdir()
    (root / "CHANGELOG.md").write_text(changes, encoding="utf-8")
    (root / "CITATION.cff").write_text(citation, encoding="utf-8")
    nbformat.write(new_notebook(cells=[cell]), root / "notebooks" / "01_a.ipynb")


def test_another_version_and_a_missing_output_are_named(tmp_path):
    now = course_utils.__version__
    write(tmp_path, "# Changes\n\n## 1999.1\n", f'version: "{now}"\n', new_code_cell("print(1)"))
    assert release.wrong_versions(tmp_path) == [f"CHANGELOG.md says 1999.1, the package {now}"]
    missing = ["01_a.ipynb: 1 cells print and store no output"]
    assert release.missing_outputs(tmp_path) == missing


def test_a_folder_in_order_has_no_complaints(tmp_path):
    now = course_utils.__version__
    cell = new_code_cell("print(1)", outputs=[new_output("stream", text="1\n")])
    write(tmp_path, f"## {now}\n", f"version: {now}\n", cell)
    assert release.wrong_versions(tmp_path) == release.missing_outputs(tmp_path) == []


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
