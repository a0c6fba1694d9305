"""Export a notebook's slides as one HTML file: ``python -m course_utils.slides``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_utils.slides import check, chromium, export


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.slides", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of the course")
    parser.add_argument(
        "--to", type=Path, default=export.FOLDER, help=f"folder (default: {export.FOLDER})"
    )
    parser.add_argument(
        "--check", action="store_true", help="measure every slide in Chromium; list what is wrong"
    )
    parser.add_argument("--pdf", action="store_true", help="also print to PDF, with Chromium")
    options = parser.parse_args(arguments)
    notebooks = options.notebooks or sorted((export.ROOT / "notebooks").glob("0*.ipynb"))
    if missing := [str(path) for path in notebooks if not path.is_file()]:
        parser.error(f"no such notebook: {', '.join(missing)}")
    try:
        pages = export.write(notebooks, options.to)
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    for page in pages:
        print(f"{page}  {page.stat().st_size / 1e6:.1f} MB")
    if not (options.check or options.pdf):
        return 0
    if options.pdf:
        with chromium.browser() as shown:
            for page in pages:
                print(check.print_pdf(shown, page))
    return check.report(pages) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
