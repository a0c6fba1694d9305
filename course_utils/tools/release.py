"""Check before a release: the version is the same everywhere, and the outputs are fresh.

python -m course_utils.tools.release
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat

import course_utils

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {  # where else the version is written, and how
    "CHANGELOG.md": r"^## (\S+)",
    "CITATION.cff": r'^version: "?([^"\s]+)',
}


def wrong_versions(root: Path = ROOT) -> list[str]:
    """One line for each file that does not name the version of ``course_utils.__version__``."""
    found = []
    for name, pattern in VERSIONS.items():
        match = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.M)
        version = match[1] if match else "no version"
        if version != course_utils.__version__:
            found.append(f"{name} says {version}, the package {course_utils.__version__}")
    return found


def stale_outputs(root: Path = ROOT) -> list[str]:
    """One line for each notebook whose cells were not all stored by one run from the top.

    A cell that was changed has lost its number, and one that ran alone has another one.
    """
    found = []
    for path in sorted((root / "notebooks").glob("0*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        counts = [c.execution_count for c in cells if c.cell_type == "code" and c.source.strip()]
        stale = sum(count != place for place, count in enumerate(counts, 1))
        if stale:
            found.append(f"{path.name}: {stale} cells do not have the output of the last run")
    return found


def main() -> None:
    """Print what is wrong and end with status 1, or say that all agrees."""
    wrong = wrong_versions() + stale_outputs()
    if wrong:
        sys.exit("\n".join([*wrong, "Correct the versions; make outputs stores the outputs."]))
    print(f"version {course_utils.__version__}: all files agree, and the outputs are fresh")


if __name__ == "__main__":
    main()
