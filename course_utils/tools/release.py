"""Check before a release: the version is the same everywhere, and the outputs are stored.

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


def missing_outputs(root: Path = ROOT) -> list[str]:
    """One line for each notebook with cells that print, but whose output is not stored."""
    found = []
    for path in sorted((root / "notebooks").glob("0*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        silent = [c for c in code if re.search(r"^print\(", c.source, re.M) and not c.outputs]
        if silent:
            found.append(f"{path.name}: {len(silent)} cells print and store no output")
    return found


def main() -> None:
    """Print what is wrong and end with status 1, or say that all agrees."""
    wrong = wrong_versions() + missing_outputs()
    if wrong:
        sys.exit("\n".join([*wrong, "Correct the versions; make outputs stores the outputs."]))
    print(f"version {course_utils.__version__}: all files agree, and the outputs are stored")


if __name__ == "__main__":
    main()
