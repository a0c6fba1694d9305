"""Run notebooks and store what they print and draw: `make outputs`, when models or pins moved.

Named notebooks, or all. A notebook that stops with an error, or that somebody saved while it ran,
is left as it is. Afterwards read `git diff`: what changed there is what readers will see.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat

from course_utils.tools import lab

# A student's IPython history and this machine's versions do not belong into a notebook.
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def run(path: Path) -> None:
    """Execute ``path`` from a fresh kernel and write it back without what varies by machine.

    Raises RuntimeError if the file was changed while it ran: then the newer file stays.
    """
    from nbclient import NotebookClient

    before = path.read_bytes()
    notebook = nbformat.reads(before.decode("utf-8"), as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources=folder, coalesce_streams=True
    )
    client.execute()
    clean(notebook)
    new = path.with_suffix(".tmp")
    try:
        nbformat.write(notebook, new)
        if path.read_bytes() != before:
            raise RuntimeError(f"somebody saved {path} while it ran: kept, run this again")
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def clean(notebook) -> None:
    """Take out what varies by machine or by run."""
    lab.leave_out_what_passes(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:  # a progress bar has no picture
            cell.outputs = [
                output for output in cell.outputs if lab.WIDGET not in output.get("data", {})
            ]
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = KERNEL


def main(names: list[str]) -> None:
    """Run the named notebooks, or all; exits with what went wrong, after all were tried."""
    lab.use_own_settings()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    changed = []
    with tempfile.TemporaryDirectory() as models:
        os.environ["COURSE_MODELS"] = models
        for path in map(Path, names or sorted(map(str, Path("notebooks").glob("*.ipynb")))):
            print("running", path, flush=True)
            try:
                run(path)
            except (RuntimeError, OSError) as error:  # also a cell that stops; a full disk
                changed.append(f"{path}: {error}")
    if changed:
        sys.exit("\n".join(changed))


if __name__ == "__main__":
    main(sys.argv[1:])
