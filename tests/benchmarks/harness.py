"""How two ways of doing the same work are compared: in one run, in turns, by medians.

A side is a function that does its work once and returns the seconds it took, so that what must be
set up again before every run is not counted.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Ratio(NamedTuple):
    """One line of the table; ``ours`` and ``peers`` are the seconds of each round."""

    work: str
    peer: str
    ours: list[float]
    peers: list[float]
    need: float  # how many times as fast ours must be
    proof: str  # what was checked of the results

    @property
    def ratio(self) -> float:
        """The peer's median by ours: 2.0 is twice as fast as the peer."""
        return statistics.median(self.peers) / statistics.median(self.ours)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest ratio of a single round."""
        rounds = [peer / ours for ours, peer in zip(self.ours, self.peers, strict=True)]
        return min(rounds), max(rounds)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(
    ours: Callable[[], float], peer: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each round of both sides, after one of each that does not count.

    The side that goes first changes from round to round: what warms or cools the machine, or
    disturbs it for a while, meets both.
    """
    times = {ours: [], peer: []}
    ours(), peer()
    for i in range(rounds):
        for side in (ours, peer) if i % 2 == 0 else (peer, ours):
            times[side].append(side())
    return times[ours], times[peer]


def exponent(sizes: list[float], times: list[float]) -> float:
    """The slope of log(time) against log(size) by least squares: 1 is linear growth, 2 square."""
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(time) for time in times]
    ).slope


def duration(value: float) -> str:
    """Seconds for a reader: three digits, and a unit that fits."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def ratio_cells(row: Ratio) -> list[str]:
    """A line of the table; "short" where the median ratio misses what it must be."""
    low, high = row.spread
    return [
        row.work,
        row.peer,
        duration(statistics.median(row.ours)),
        duration(statistics.median(row.peers)),
        f"{row.ratio:.2f} ({low:.2f} to {high:.2f})",
        f"{row.need:g}",
        "yes" if row.ratio >= row.need else "short",
        row.proof,
    ]


RATIO_TITLES = ["work", "peer", "ours", "peer's", "times as fast", "must be", "is", "checked"]


def table(titles: list[str], lines: list[list[str]]) -> str:
    """A Markdown table, its columns aligned for a terminal."""
    widths = [max(len(line[i]) for line in [titles, *lines]) for i in range(len(titles))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in [titles, rule, *lines]
    )
