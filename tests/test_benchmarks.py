"""The harness of the benchmarks: turns, medians, fits, and a table that says what it measured.

The measurements themselves are no tests: ``make bench`` makes them, on an idle machine.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "benchmarks"
sys.path.append(str(FOLDER))

import figures  # noqa: E402
import harness  # noqa: E402
import ratios  # noqa: E402
from harness import Ratio  # noqa: E402


def side(name, times, calls):
    """A side that takes ``times`` one after the other, and notes that it was called."""
    left = iter(times)

    def run():
        calls.append(name)
        return next(left)

    return run


def test_both_sides_take_turns_after_one_round_that_does_not_count():
    calls = []
    ours = side("ours", [99, 1, 2, 3, 4], calls)
    peer = side("peer", [77, 5, 6, 7, 8], calls)
    assert harness.in_turns(ours, peer, 4) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert calls == ["ours", "peer", *["ours", "peer", "peer", "ours"] * 2]


def test_ratio_is_of_medians_and_spread_of_rounds():
    row = Ratio("work", "peer", [1, 2, 100], [4, 3, 50], 2.0, "same ids")
    assert row.ratio == 4 / 2  # a median, which the 100 does not move
    assert row.spread == (0.5, 4)


@pytest.mark.parametrize("need, verdict", [(1.9, "yes"), (2.0, "yes"), (2.1, "short")])
def test_a_line_says_whether_it_is_fast_enough(need, verdict):
    cells = harness.ratio_cells(Ratio("work", "peer", [1, 2, 3], [4, 4, 4], need, "same ids"))
    expected = ["work", "peer", "2 s", "4 s", "2.00 (1.33 to 4.00)", f"{need:g}", verdict]
    assert cells == [*expected, "same ids"] and len(cells) == len(harness.RATIO_TITLES)


def test_seconds_is_the_time_of_one_call(monkeypatch):
    clock, calls = iter([10.0, 12.5]), []
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert harness.seconds(lambda: calls.append(1)) == 2.5 and calls == [1]


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_exponent_of_a_power(power):
    sizes = [10, 100, 1000]
    assert harness.exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


@pytest.mark.parametrize(
    "value, text", [(2, "2 s"), (0.0123456, "12.3 ms"), (4e-6, "4 µs"), (5e-8, "50 ns")]
)
def test_durations_have_a_unit_that_fits(value, text):
    assert harness.duration(value) == text


def test_the_table_is_markdown_with_equally_long_lines():
    lines = harness.table(["a", "long title"], [["1", "2"], ["longer", "3"]]).splitlines()
    assert lines[0] == "| a      | long title |" and lines[1] == "| ------ | ---------- |"
    assert len({len(line) for line in lines}) == 1 and len(lines) == 4


def bench(*arguments):
    command = [sys.executable, str(FOLDER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_smoke_run_prints_machine_and_table():
    done = bench("--quick", "in_batch")
    assert done.returncode == 0, done.stderr
    machine, _, titles, _, line = done.stdout.splitlines()

    assert re.match(r"\d{4}-\d\d-\d\d · .* cores used.*QUICK: not to be quoted$", machine)
    assert titles.startswith("| work") and line.startswith("| in-batch negatives, 128 pairs")
    ours, peers = map(float, re.findall(r"([\d.]+) MB", line))
    assert 0.05 < ours <= peers


def test_an_unknown_row_is_refused_with_the_names_there_are():
    done = bench("nonsense")
    names = ", ".join([*ratios.ROWS, *figures.FIGURES])
    assert done.returncode == 2 and f"no row nonsense; there are {names}" in done.stderr


def test_course_sentences_are_2000_different_ones():
    texts = ratios.course_sentences(2000)
    assert len(set(texts)) == 2000 and texts == ratios.course_sentences(2000)
