"""A pytest plugin: the peak memory of each notebook's kernel, printed next to the aim, and limited.

The aim is 1.5 GB, so that a small container is enough, and all four notebooks keep to it here. The
limit leaves a fifth for other machines and keeps them from growing.
"""

from pathlib import Path

import pytest

AIM_GB = 1.5
LIMIT_GB = 1.8
PEAKS: dict[str, float] = {}  # notebook -> GB


def peak_gb(pid: int) -> float | None:
    """The most memory that the process has held, in GB; None where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    peak = [line.split()[1] for line in lines.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0]) / 1e6 if peak else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    """After a notebook's last cell, while its kernel still runs."""
    kernel = getattr(item.parent, "kernel", None)
    if kernel is None or (nextitem is not None and nextitem.parent is item.parent):
        return
    provisioner = getattr(getattr(kernel, "km", None), "provisioner", None)
    found = peak_gb(provisioner.pid) if getattr(provisioner, "pid", None) else None
    if found is not None:
        PEAKS[item.path.name] = found


def pytest_sessionfinish(session):
    """A kernel that took too much fails the run. One of several processes hands on what it saw."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["kernel memory"] = PEAKS
    elif any(peak > LIMIT_GB for peak in PEAKS.values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """What one of several processes (pytest-xdist) handed on."""
    PEAKS.update(getattr(node, "workeroutput", {}).get("kernel memory", {}))


def pytest_terminal_summary(terminalreporter):
    for name, peak in PEAKS.items():
        over = f" (over the aim of {AIM_GB} GB)" if peak > AIM_GB else ""
        terminalreporter.write_line(f"memory of {name}'s kernel: at most {peak:.2f} GB{over}")
