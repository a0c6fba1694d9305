"""Write the course as web pages: ``python -m course_utils.tools.site``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_utils.tools.site import build


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.tools.site", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--to", type=Path, default=Path("build/site"), help="folder (default: build/site)"
    )
    parser.add_argument("--repository", default="", help="address where readers report mistakes")
    parser.add_argument("--no-slides", action="store_true", help="leave the slides out")
    options = parser.parse_args(arguments)
    try:
        pages = build.write(options.to, options.repository.rstrip("/"), not options.no_slides)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print(f"{len(pages)} pages; open {options.to / 'index.html'}")


if __name__ == "__main__":
    main()
