"""Start JupyterLab with your copy of the first notebook: `python -m course_utils.tools.lab`.

`make lab` does just this. The server listens on this machine only (`--listen` for a container) and
always asks for its token; the printed URL carries it. Settings lie in the folder `.lab`, so that
the reader's own Jupyter settings are neither read nor changed. Without a display no browser is
started.
"""

import argparse
import json
import os
import socket
import sys
from pathlib import Path

from jupyter_core import paths

from course_utils.tools import my_course

WIDGET = "application/vnd.jupyter.widget-view+json"
FIRST = f"{my_course.FOLDER}/01_from_rnn_to_bert.ipynb"

SETTINGS = {
    # JupyterLab asks at its first start whether to fetch news: answered here, once, with no.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # A link to the glossary opens it as a page to read, not as its source.
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
}
# The caller's own Jupyter, IPython and matplotlib settings.
FOREIGN = (
    "JUPYTER_RUNTIME_DIR JUPYTERLAB_DIR JUPYTERLAB_SETTINGS_DIR JUPYTERLAB_WORKSPACES_DIR "
    "JUPYTER_TOKEN JUPYTER_TOKEN_FILE JUPYTER_PATH JUPYTER_CONFIG_PATH JUPYTER_NO_CONFIG "
    "JUPYTER_PREFER_ENV_PATH MPLBACKEND MATPLOTLIBRC PYTHONPATH PYTHONHOME "
    "PYTHONOPTIMIZE PYTHONSTARTUP"
).split()


def settings_folder() -> Path:
    """Where the course keeps JupyterLab's settings: outside .venv, which may be made again."""
    return my_course.home() / ".lab"


def use_own_settings() -> None:
    """Point Jupyter, IPython and matplotlib to `.lab`. A Python without .venv is left alone.

    Exits with a message where neither the course nor the home folder can be written.
    """
    if sys.prefix == sys.base_prefix:
        return
    try:
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
            os.environ[name] = str(settings_folder() / name.lower())
            Path(os.environ[name]).mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # the second: this user has no home folder
        sys.exit(f"You need a folder that you may write ({error}): HOME=/my/folder make lab")
    for name in FOREIGN:
        os.environ.pop(name, None)
    # glibc keeps a heap for each thread, and large arrays in them: holes that nothing else can use.
    # With one for all, and arrays from 4 MB given back at once, the largest notebook's kernel needs
    # half a gigabyte less. The 32 MB that a heap may keep at its end save time: without them it is
    # shortened and lengthened at every step. Read when a kernel starts.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**22))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**25))
    # A machine-wide configuration (culling, another python3 kernel) is not for the course.
    paths.SYSTEM_CONFIG_PATH.clear()
    paths.SYSTEM_JUPYTER_PATH.clear()
    # A proxy must not catch what this machine says to itself.
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name, "").split(",")
        own = [host for host in ("127.0.0.1", "localhost") if host not in known]
        os.environ[name] = ",".join([host for host in known if host] + own)


def app_settings() -> Path:
    """The folder of JupyterLab's own settings, with the course's answers in it."""
    folder = settings_folder() / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overrides.json").write_text(json.dumps(SETTINGS, indent=2), encoding="utf-8")
    return folder


def before_saving(model, **_) -> None:
    """JupyterLab calls this with every file that it is about to write."""
    if model["type"] == "notebook":
        leave_out_what_passes(model["content"])


def leave_out_what_passes(notebook) -> None:
    """Take out of a notebook what is true only now: Python's version, and live widgets.

    With the version a notebook that was only opened would differ for everybody, and `git pull`
    would refuse it. A widget ends with its kernel: the next time, its figure is shown instead.
    """
    notebook["metadata"].get("language_info", {}).pop("version", None)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"].pop(WIDGET, None)


def server_options(port: int | None, listen: str = "127.0.0.1") -> list[str]:
    """The options of `jupyter lab`, given what this machine can do."""
    options = [
        # The root is the whole course, so that notebooks can show ../images.
        f"--ServerApp.root_dir={my_course.home()}",
        f"--FileContentsManager.preferred_dir={my_course.FOLDER}",
        "--FileContentsManager.pre_save_hook=course_utils.tools.lab.before_saving",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        f"--LabApp.app_settings_dir={app_settings()}",
        f"--ServerApp.ip={listen}",
        "--ServerApp.log_level=WARN",  # the URL is still printed
        "--LabApp.log_level=WARN",
    ]
    if port is not None:
        options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # the usual user in a container
    shown = sys.platform in ("darwin", "win32") or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))
    )
    if not shown:
        options.append("--no-browser")
    return options


def check_port(port: int | None, listen: str) -> None:
    """Exit with a message where the port that was asked for is taken."""
    if port is None:
        return
    with socket.socket() as probe:
        if os.name != "nt":  # as the server does it: a port that was just closed is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen, port))
        except OSError as error:
            sys.exit(f"Port {port} cannot be used: {error.strerror}. Another: make lab PORT=9001")


def main() -> None:
    parser = argparse.ArgumentParser(prog="course_utils.tools.lab", description="Open the course.")
    parser.add_argument("--port", type=int, help="default: 8888, or the next free one")
    parser.add_argument("--listen", default="127.0.0.1", help="0.0.0.0 inside a container")
    options = parser.parse_args()
    check_port(options.port, options.listen)
    use_own_settings()
    try:
        my_course.prepare()
        started_with = server_options(options.port, options.listen)
    except OSError as error:
        sys.exit(f"Your copy of the notebooks cannot be written: {error}")
    if my_course.home() != my_course.ROOT:
        os.environ.setdefault("COURSE_MODELS", str(my_course.home() / "my-models"))
    from jupyterlab.labapp import LabApp  # reads the settings' places when imported

    server = LabApp.initialize_server(argv=started_with)
    if not server.identity_provider.token:
        places = " or ".join(paths.jupyter_config_path())
        sys.exit(f"A setting in {places} switches the token off: not starting. Delete it there.")
    server.start()


if __name__ == "__main__":
    main()
