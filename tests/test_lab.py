"""`make lab` for real: the server is started as a reader starts it, and driven from outside."""

import contextlib
import json
import os
import re
import shutil
import socket
import sys
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import psutil
import pytest
import requests
import websocket
from lab_server import running_lab

from course_utils.tools import lab

ROOT = Path(__file__).resolve().parents[1]
ANSWER_S = 60


def get(server, path, **kwargs):
    return requests.get(server.url + path, headers=server.headers, timeout=ANSWER_S, **kwargs)


def test_make_lab_starts_this_module():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^lab:.*\n\t@\$\(PY\) -m course_utils\.tools\.lab", makefile, re.M)


def test_page_opens_with_the_token_from_the_printed_url(server):
    page = requests.get(f"{server.url}/lab?token={server.token}", timeout=ANSWER_S)
    assert page.status_code == 200
    assert "jupyter-config-data" in page.text


def test_start_page_is_the_first_notebook(server):
    reply = get(server, "/", allow_redirects=False)
    start = reply.headers["Location"].removesuffix("?")
    assert start == f"/lab/tree/{lab.FIRST}"


@pytest.mark.parametrize("path", ["/lab", "/api/contents", "/api/kernels", "/files/README.md"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}], ids=["none", "wrong"])
def test_nothing_opens_without_the_token(server, path, headers):
    reply = requests.get(
        server.url + path, headers=headers, timeout=ANSWER_S, allow_redirects=False
    )
    refused = reply.status_code in (401, 403)
    assert refused or (reply.status_code == 302 and "/login" in reply.headers["Location"])


def test_listens_on_this_machine_only(server):
    server_itself = psutil.Process(server.process.pid)
    listening = set()
    for process in [server_itself, *server_itself.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a helper of the server's that just ended
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    listening.add(connection.laddr.ip)
    assert listening == {"127.0.0.1"}


def test_is_refused_at_the_machines_other_addresses(server):
    port = int(server.url.rsplit(":", 1)[1])
    others = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    if not others:
        pytest.skip("this machine has no address but loopback")
    for address in others:
        with pytest.raises(OSError):
            socket.create_connection((address, port), timeout=5).close()


def test_browses_the_notebooks_and_reaches_the_images(server):
    config = json.loads(
        re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', get(server, "/lab").text, re.S)[
            1
        ]
    )
    assert config["preferredPath"] == "my-course"
    found = {item["path"] for item in get(server, "/api/contents/").json()["content"]}
    assert {"my-course", "notebooks", "images"} <= found
    mine = {item["name"] for item in get(server, "/api/contents/my-course").json()["content"]}
    assert {Path(lab.FIRST).name, "glossary.md"} <= mine


def test_no_question_about_news(server):
    plugin = "@jupyterlab/apputils-extension:notification"
    schema = get(server, f"/lab/api/settings/{plugin}").json()["schema"]
    assert schema["properties"]["fetchNews"]["default"] == "false"
    assert schema["properties"]["checkForUpdates"]["default"] is False


def test_markdown_opens_as_a_page(server):
    plugin = "@jupyterlab/docmanager-extension:plugin"
    schema = get(server, f"/lab/api/settings/{plugin}").json()["schema"]
    viewers = schema["properties"]["defaultViewers"]["default"]
    assert viewers == {"markdown": "Markdown Preview"}


def test_a_notebook_that_is_opened_and_saved_has_not_changed(server):
    """JupyterLab saves the version that the kernel told, and widgets that end with the kernel."""
    path = "notebooks/02_mean_pooling.ipynb"
    nb = get(server, f"/api/contents/{path}").json()["content"]
    nb["metadata"]["language_info"]["version"] = "3.99.1"
    shown = [output.get("data", {}) for cell in nb["cells"] for output in cell.get("outputs", [])]
    pictures = [data for data in shown if "image/png" in data]
    for data in pictures:
        data[lab.WIDGET] = {"model_id": "of a kernel that is gone", "version_major": 2}
    copy = f"build/saved-{uuid.uuid4().hex[:8]}.ipynb"
    try:
        (ROOT / "build").mkdir(exist_ok=True)
        model = {"type": "notebook", "format": "json", "content": nb}
        where = f"{server.url}/api/contents/{copy}"
        requests.put(where, json=model, headers=server.headers, timeout=ANSWER_S).raise_for_status()
        assert pictures and (ROOT / copy).read_bytes() == (ROOT / path).read_bytes()
    finally:
        (ROOT / copy).unlink(missing_ok=True)


def execute(server, kernel, code):
    """Run one cell through the server, as the browser does; the text of its result."""
    message_id = uuid.uuid4().hex
    header = {"msg_id": message_id, "msg_type": "execute_request", "username": "reader"}
    header |= {"session": uuid.uuid4().hex, "version": "5.3", "date": "2026-01-01T00:00:00Z"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": True}
    request = {"channel": "shell", "header": header, "content": content}
    request |= {"parent_header": {}, "metadata": {}}
    address = server.url.replace("http", "ws", 1) + f"/api/kernels/{kernel}/channels"
    channel = websocket.create_connection(address, timeout=ANSWER_S, header=server.headers)
    try:
        channel.send(json.dumps(request))
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            message = json.loads(channel.recv())
            if message["parent_header"].get("msg_id") != message_id:
                continue
            assert message["msg_type"] != "error", message["content"]
            if message["msg_type"] == "execute_result":
                return message["content"]["data"]["text/plain"]
    finally:
        channel.close()
    pytest.fail("no result")


def test_lists_its_kernel_and_executes_a_cell_in_this_environment(server):
    specs = get(server, "/api/kernelspecs").json()
    assert specs["default"] == "python3" and list(specs["kernelspecs"]) == ["python3"]
    kernel = requests.post(
        f"{server.url}/api/kernels",
        headers=server.headers,
        json={"name": "python3", "path": lab.FIRST},
        timeout=ANSWER_S,
    ).json()["id"]
    assert execute(server, kernel, "1 + 1") == "2"
    assert execute(server, kernel, "import sys; sys.prefix") == repr(sys.prefix)
    assert execute(server, kernel, "import course_utils; course_utils.__name__") == "'course_utils'"
    backend = "import matplotlib.pyplot as plt; plt.figure(); plt.get_backend()"
    assert execute(server, kernel, backend) in (
        "'inline'",
        "'module://matplotlib_inline.backend_inline'",
    )


def test_starts_in_any_folder_and_leaves_nothing(tmp_path):
    """With a server of its own: all other tests share one."""
    home, course = tmp_path / "home", tmp_path / "a b'c ü $HOME;#x%20[z]"
    home.mkdir()
    for name in ("course_utils", "notebooks", "images"):
        shutil.copytree(ROOT / name, course / name, ignore=shutil.ignore_patterns("__pycache__"))
    with running_lab(home, tmp_path / "lab.txt", course) as server:
        for path in ("/api/contents/" + lab.FIRST, "/files/images/rnn.svg"):
            assert get(server, path).status_code == 200
        assert (course / lab.FIRST).is_file()
        shut_down(server)


def shut_down(server):
    family = [server.process.pid]
    family += [p.pid for p in psutil.Process(server.process.pid).children(recursive=True)]
    reply = requests.post(f"{server.url}/api/shutdown", headers=server.headers, timeout=ANSWER_S)
    assert reply.status_code == 200
    assert server.process.wait(timeout=ANSWER_S) == 0
    assert not [pid for pid in family if psutil.pid_exists(pid)]
    assert not {".jupyter", ".ipython", ".local"} & {p.name for p in server.home.iterdir()}
    assert "Traceback" not in server.log.read_text()


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="these always have a display")
@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_browser_only_where_there_is_a_display(monkeypatch, name):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "--no-browser" in lab.server_options(None)
    monkeypatch.setenv(name, ":0")
    assert "--no-browser" not in lab.server_options(None)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no root here")
@pytest.mark.parametrize("user, allowed", [(0, True), (1000, False)])
def test_root_is_allowed_only_when_it_is_root(monkeypatch, user, allowed):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert ("--allow-root" in lab.server_options(None)) is allowed


@pytest.fixture
def lab_folder(tmp_path, monkeypatch):
    """Settings in a folder of the test's own."""
    monkeypatch.setattr(lab, "settings_folder", lambda: tmp_path)
    return tmp_path


def test_a_taken_port_is_said_so(lab_folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} cannot be used.*make lab PORT="):
            lab.check_port(port, "127.0.0.1")
    lab.check_port(port, "127.0.0.1")
    assert "--ServerApp.port_retries=0" in lab.server_options(port)


def test_without_a_token_it_does_not_start_and_says_where_to_look(lab_folder, monkeypatch):
    open_door = SimpleNamespace(identity_provider=SimpleNamespace(token=""))
    monkeypatch.setattr("jupyterlab.labapp.LabApp.initialize_server", lambda **_: open_door)
    monkeypatch.setattr(lab, "use_own_settings", lambda: None)
    monkeypatch.setattr(lab.my_course, "prepare", lambda: None)
    monkeypatch.setattr(sys, "argv", ["lab"])
    with pytest.raises(SystemExit, match="switches the token off: not starting") as stopped:
        lab.main()
    assert lab.paths.jupyter_config_path()[0] in str(stopped.value)


def test_a_container_can_listen_to_all_only_when_asked(lab_folder):
    assert "--ServerApp.ip=127.0.0.1" in lab.server_options(None)
    assert "--ServerApp.ip=0.0.0.0" in lab.server_options(None, "0.0.0.0")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), RuntimeError("none")])
def test_without_any_folder_to_write_it_says_what_to_do(monkeypatch, error):
    """In a container with a user of its own: the course is read-only, and there is no home."""
    if sys.prefix == sys.base_prefix:
        pytest.skip("without .venv the reader's settings are left alone")

    def fails():
        raise error

    monkeypatch.setattr(lab, "settings_folder", fails)
    with pytest.raises(SystemExit, match="need a folder that you may write .*HOME=/my/folder"):
        lab.use_own_settings()


def test_a_full_disk_is_said(lab_folder, monkeypatch, full_disk):
    monkeypatch.setattr(lab, "use_own_settings", lambda: None)
    monkeypatch.setattr(lab.my_course, "prepare", lambda: lab_folder)
    monkeypatch.setattr(lab, "SETTINGS", {"long": "x" * 2**15})
    monkeypatch.setattr(sys, "argv", ["lab"])
    with full_disk(), pytest.raises(SystemExit, match="cannot be written: .*File too large"):
        lab.main()


def test_matplotlib_settings_of_the_reader_do_not_reach_the_tests():
    if sys.prefix == sys.base_prefix:
        pytest.skip("without .venv the reader's settings are left alone")
    assert Path(matplotlib.get_configdir()) == lab.settings_folder() / "mplconfigdir"


@pytest.mark.parametrize(
    "name, ours",
    [
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_MMAP_THRESHOLD_", "4194304"),
        ("MALLOC_TRIM_THRESHOLD_", "33554432"),
    ],
)
def test_kernels_give_memory_back_unless_the_reader_chose(monkeypatch, name, ours):
    if sys.prefix == sys.base_prefix:
        pytest.skip("without .venv the environment is left alone")
    for chosen, expected in (None, ours), ("4", "4"):
        monkeypatch.delenv(name, raising=False)
        if chosen:
            monkeypatch.setenv(name, chosen)
        lab.use_own_settings()
        assert os.environ[name] == expected


def test_a_shared_course_that_cannot_be_written_uses_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.tools.my_course.os.access", lambda *_: False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert lab.settings_folder().is_relative_to(tmp_path)
    folder = lab.my_course.prepare()
    assert (tmp_path / "sentence-transformers-course" / lab.FIRST).is_file()
    assert (folder / "../images/shapes.py").is_file()
