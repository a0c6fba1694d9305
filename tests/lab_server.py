"""The course's JupyterLab as `make lab` starts it, for tests that drive it from outside."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests

ROOT = Path(__file__).resolve().parents[1]
START_S = 90  # a slow machine, the first start


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_url(log, process):
    """The URL with its token, once it is printed and the server answers there."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\S*\?token=(\w+)", log.read_text())
        if found:
            try:
                requests.get(found[1] + "/api", timeout=5).raise_for_status()
                return found[1], found[2]
            except requests.ConnectionError:
                pass
        time.sleep(0.2)
    pytest.fail(f"no server after {START_S} s, exit code {process.poll()}:\n{log.read_text()}")


def foreign_settings(folder):
    """Settings of a reader's own that must not reach the course; each would break a test."""
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = {"argv": ["no-such-python", "{connection_file}"], "display_name": "Foreign"}
    (kernel / "kernel.json").write_text(json.dumps(spec | {"language": "python"}))
    open_door = {"IdentityProvider": {"token": ""}, "ServerApp": {"ip": "0.0.0.0"}}
    (folder / "jupyter_server_config.json").write_text(json.dumps(open_door))
    return {
        "JUPYTER_PATH": str(folder),
        "JUPYTER_CONFIG_PATH": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder),
        "MPLBACKEND": "module://not_installed",
        "MPLCONFIGDIR": str(folder / "nowhere"),
        "http_proxy": "http://127.0.0.1:9",
    }


@contextlib.contextmanager
def running_lab(home, log, course=ROOT):
    """The running server: url, token, headers, process, home, log. It ends with the block."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in hidden and not name.startswith(("JUPYTER", "IPYTHON", "XDG_"))
    }
    command = [sys.executable, "-m", "course_utils.tools.lab", "--port", str(free_port())]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=course,
            env=env | {"HOME": str(home)} | foreign_settings(log.parent / "foreign"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url, token = wait_for_url(log, process)
        headers = {"Authorization": f"token {token}"}
        yield SimpleNamespace(
            url=url, token=token, headers=headers, process=process, home=home, log=log
        )
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.kill()
        process.wait()
