"""What ends a run: a notebook that takes too much memory, as measured by the plugin; a hang."""

import os
import subprocess
import sys
from types import SimpleNamespace

import kernel_memory
import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_the_peak_is_that_of_the_process():
    before = kernel_memory.peak_gb(os.getpid())
    block = bytearray(200_000_000)
    block[::4096] = b"1" * len(block[::4096])
    del block
    assert 0.01 < before <= kernel_memory.peak_gb(os.getpid())
    assert kernel_memory.peak_gb(os.getpid()) > 0.2


@pytest.mark.parametrize("over, status", [(-0.1, 0), (0.1, pytest.ExitCode.TESTS_FAILED)])
def test_a_kernel_over_the_limit_fails_the_run(monkeypatch, over, status):
    """Whether this process saw it, or one of those that pytest-xdist shares the tests among."""
    monkeypatch.setattr(kernel_memory, "PEAKS", {"a.ipynb": kernel_memory.LIMIT_GB + over})
    worker = SimpleNamespace(config=SimpleNamespace(workeroutput={}), exitstatus=0)
    kernel_memory.pytest_sessionfinish(worker)
    session = SimpleNamespace(config=SimpleNamespace(), exitstatus=0)
    kernel_memory.pytest_sessionfinish(session)
    assert (worker.exitstatus, session.exitstatus) == (0, status)

    monkeypatch.setattr(kernel_memory, "PEAKS", {})
    kernel_memory.pytest_testnodedown(SimpleNamespace(**vars(worker.config)), None)
    session.exitstatus = 0
    kernel_memory.pytest_sessionfinish(session)
    assert session.exitstatus == status


def test_a_test_that_hangs_says_where_and_fails(tmp_path, pytestconfig):
    assert 0 < pytestconfig.getini("faulthandler_timeout") <= 1800
    path = tmp_path / "test_hang.py"
    path.write_text("import threading\ndef test_hang():\n    threading.Event().wait()\n")
    settings = ["-c", pytestconfig.inipath, "-o", "addopts=", "-o", "faulthandler_timeout=1"]
    command = [sys.executable, "-m", "pytest", "-p", "no:nbval", *settings, path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert f'File "{path}", line 3 in test_hang' in done.stderr
