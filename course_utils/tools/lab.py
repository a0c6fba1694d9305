"""Start JupyterLab with the first notebook open: `python -m course_utils.tools.lab [--port N]`.

`make lab` does just this. The server listens on this machine only and always asks for its token;
the printed URL carries it. Settings live inside the environment, so that the reader's own Jupyter
settings are neither read nor changed. Without a display no browser is started.
"""

import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST = "notebooks/01_from_rnn_to_bert.ipynb"

SETTINGS = {
    # JupyterLab asks at its first start whether to fetch news: answered here, once, with no.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # A link to the glossary opens it as a page to read, not as its source.
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
}


def use_own_settings() -> None:
    """Point Jupyter and IPython into the environment. A Python without one is left alone."""
    if sys.prefix == sys.base_prefix:
        return
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        os.environ[name] = str(Path(sys.prefix, "var", name.lower()))
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTERLAB_DIR", "JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE"):
        os.environ.pop(name, None)
    overrides = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(SETTINGS, indent=2), encoding="utf-8")


def server_options(port: int | None) -> list[str]:
    """The options of `jupyter lab`, given what this machine can do."""
    options = [
        # The root is the whole course, so that notebooks can show ../images.
        f"--ServerApp.root_dir={ROOT}",
        "--FileContentsManager.preferred_dir=notebooks",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.log_level=WARN",  # the URL is still printed
        "--LabApp.log_level=WARN",
    ]
    if port is not None:
        options.append(f"--ServerApp.port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # the usual user in a container
    if sys.platform not in ("darwin", "win32") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        options.append("--no-browser")
    return options


def main() -> None:
    parser = argparse.ArgumentParser(prog="course_utils.tools.lab", description="Open the course.")
    parser.add_argument("--port", type=int, help="default: 8888, or the next free one")
    options = server_options(parser.parse_args().port)
    use_own_settings()
    from jupyterlab.labapp import LabApp  # reads the settings' places when imported

    server = LabApp.initialize_server(argv=options)
    if not server.identity_provider.token:
        sys.exit("A Jupyter configuration on this machine switches the token off: not starting.")
    server.start()


if __name__ == "__main__":
    main()
