"""Run notebooks and store what they print and draw: `make outputs`, when models or pins moved.

Named notebooks, or all. A notebook that stops with an error is left as it was. Afterwards
read `git diff`: what changed there is what readers will see.
"""

import os
import sys
import tempfile
from pathlib import Path

from course_utils.tools import lab

lab.use_own_settings()
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
# A student's IPython history and this machine's versions do not belong into a notebook.
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def run(path: Path) -> None:
    """Execute ``path`` from a fresh kernel and write it back without what varies by machine."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources=folder, coalesce_streams=True
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):  # a widget without its kernel: keep the picture
            if "image/png" in output.get("data", {}):
                output["data"].pop("application/vnd.jupyter.widget-view+json", None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = KERNEL
    notebook.metadata.get("language_info", {}).pop("version", None)
    new = path.with_suffix(".tmp")
    nbformat.write(notebook, new)
    os.replace(new, path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as models:
        os.environ["COURSE_MODELS"] = models
        names = [Path(name) for name in sys.argv[1:]] or sorted(Path("notebooks").glob("*.ipynb"))
        for path in names:
            print("running", path, flush=True)
            run(path)
