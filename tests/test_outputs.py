"""`make outputs`: what is stored is what ran, and nothing that somebody saved is overwritten."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.tools import outputs


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(1 + 1)")]), path)
    return path


def executed(path, then=lambda: None):
    """A client whose run stores an output, as ``then`` happens to the file."""

    class Client:
        def __init__(self, notebook, **options):
            self.notebook = notebook

        def execute(self):
            cell = self.notebook.cells[0]
            cell.outputs = [nbformat.v4.new_output("stream", text="2\n")]
            cell.metadata["execution"] = {"iopub.status.busy": "now"}
            self.notebook.metadata["language_info"] = {"name": "python", "version": "3.11.2"}
            then()

    return Client


def test_outputs_are_stored_without_what_varies(path, monkeypatch):
    monkeypatch.setattr("nbclient.NotebookClient", executed(path))
    outputs.run(path)
    nb = nbformat.read(path, as_version=4)
    assert nb.cells[0].outputs[0].text == "2\n" and "execution" not in nb.cells[0].metadata
    assert nb.metadata.language_info == {"name": "python"}


def test_a_full_disk_leaves_the_notebook(path, monkeypatch, full_disk):
    before = path.read_bytes()
    long = executed(path, lambda: None)
    monkeypatch.setattr("nbclient.NotebookClient", long)
    monkeypatch.setattr(outputs, "clean", lambda nb: nb.metadata.update(long="x" * 2**15))
    monkeypatch.setenv("COURSE_MODELS", str(path.parent))
    with full_disk(), pytest.raises(SystemExit, match="a.ipynb: .*File too large"):
        outputs.main([str(path)])
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["a.ipynb"]


def test_what_somebody_saved_meanwhile_stays(path, monkeypatch):
    newer = new_notebook(cells=[new_code_cell("my new sentence")])
    saved = executed(path, lambda: nbformat.write(newer, path))
    monkeypatch.setattr("nbclient.NotebookClient", saved)
    monkeypatch.setenv("COURSE_MODELS", str(path.parent))  # and set back after the test
    with pytest.raises(SystemExit, match="somebody saved .*a.ipynb while it ran: kept"):
        outputs.main([str(path)])
    assert nbformat.read(path, as_version=4).cells[0].source == "my new sentence"
    assert [file.name for file in path.parent.iterdir()] == ["a.ipynb"]
