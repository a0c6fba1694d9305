"""The speed of the course next to the field's libraries: ``make bench``.

python tests/benchmarks                      all of it, about half an hour on two cores
python tests/benchmarks encode search        some rows
python tests/benchmarks --quick              a smoke test: numbers mean nothing
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import platform
import sys
import warnings

# Before a library reads them: nothing is downloaded or asked for, nothing but results is printed.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="true")
os.environ.update(HF_HUB_DISABLE_PROGRESS_BARS="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")


def processor() -> str:
    """The processor's name where Linux tells it, else its kind."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(": ")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine() -> str:
    """Date and machine, without which no number of seconds means anything."""
    import torch

    return (
        f"{datetime.date.today()} · {processor()}, {torch.get_num_threads()} cores used, "
        f"{torch.backends.cpu.get_cpu_capability()} · {platform.system()} · "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def main(argv: list[str]) -> None:
    """Measure the rows that ``argv`` names, or all, and print the table."""
    from figures import FIGURES
    from harness import RATIO_TITLES, ratio_cells, table
    from ratios import ROWS

    names = [*ROWS, *FIGURES]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("rows", nargs="*", help=f"which: {', '.join(names)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke test of each row")
    options = parser.parse_args(argv)
    if unknown := [row for row in options.rows if row not in names]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(names)}")
    wanted, lines = options.rows or names, []
    for name in [name for name in ROWS if name in wanted]:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        lines += [ratio_cells(row) for row in ROWS[name](options.quick)]
    print(machine() + (" · QUICK: not to be quoted" if options.quick else ""))
    if lines:
        print(f"\n{table(RATIO_TITLES, lines)}")
    for name in [name for name in FIGURES if name in wanted]:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        print()
        FIGURES[name](options.quick)


if __name__ == "__main__":
    main(sys.argv[1:])
