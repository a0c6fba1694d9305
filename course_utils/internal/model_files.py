"""A model's files: open them so that no weight is left to chance; save all of them or none."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from course_utils.internal import hub

FORMAT = "sentence-transformers-course encoder 1"
POOLING_NAMES = ("mean", "cls", "max")

# How weights are read: only safetensors, as float32, no code from the folder, no network.
READ = {
    "use_safetensors": True, "dtype": torch.float32, "trust_remote_code": False,
    "local_files_only": True,
}  # fmt: skip


def course_settings(folder: Path) -> dict | None:
    """``pooling``, ``normalize`` and ``max_length`` of a folder that the course saved, else None.

    Raises ValueError when the file that says so is damaged.
    """
    if not (folder / hub.MARKER).is_file():
        return None
    try:
        settings = json.loads((folder / hub.MARKER).read_text(encoding="utf-8"))
        right = (
            settings.pop("format") == FORMAT
            and settings.keys() == {"pooling", "normalize", "max_length"}
            and settings["pooling"] in POOLING_NAMES
            and isinstance(settings["normalize"], bool)
            and type(settings["max_length"]) is int
            and settings["max_length"] > 0
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        right = False
    if not right:
        raise ValueError(f"{folder / hub.MARKER} is damaged or of a later edition: copy it again")
    return settings


def open_network(folder: Path, kind=AutoModel) -> tuple:
    """``(tokenizer, model)`` of a folder, float32, ready for inference.

    kind: AutoModel, or the class with the head that is needed. Raises FileNotFoundError where
    there is no model, ValueError when weights are damaged, missing or of another network.
    """
    check_folder(folder)
    try:
        with hub.quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            model, report = kind.from_pretrained(folder, output_loading_info=True, **READ)
    except Exception as error:  # each part of a damaged folder fails in its own way
        raise broken(folder, error) from error
    check_weights(folder, model, report)
    check_tokenizer(folder, tokenizer, model)
    return tokenizer, model.eval()


def check_folder(folder: Path) -> None:
    """Refuse a folder without a model, with an adapter, or with pickled weights only."""
    found = any((folder / name).is_file() for name in ("config.json", "modules.json"))
    weights = {path.parent for path in folder.rglob("*.safetensors")}
    pickled = {path.parent for path in folder.rglob("pytorch_model*.bin")}
    if not found or not weights or pickled - weights:
        raise FileNotFoundError(
            f"{folder} holds no model that transformers can read: config.json, "
            "model.safetensors and tokenizer.json are needed (pickled weights are not read)"
        )
    if any(folder.rglob("adapter_config.json")):
        raise ValueError(
            f"{folder} holds an adapter (adapter_config.json), which this course does not apply: "
            "merge it into its base model and save that"
        )


def broken(folder: Path, error: Exception) -> ValueError:
    """The error for a model that cannot be opened, with the first line of the reason."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ValueError(
        f"the model in {folder} is damaged or cannot be read here ({reason}): copy or download "
        "it again"
    )


def check_weights(folder: Path, model, report: dict) -> None:
    """Raise ValueError unless the file has exactly the weights of the network.

    report: transformers' loading info. A missing weight would be a random number. A missing pooler
    and the weights of another head are fine: nothing here uses them.
    """
    prefix = model.base_model_prefix + "."
    missing = sorted(name for name in report["missing_keys"] if "pooler." not in name)
    with_head = model.base_model is not model
    if with_head and missing and not any(name.startswith(prefix) for name in missing):
        raise ValueError(
            f"the model in {folder} has no masked-word head ({missing[0]} is missing): it was "
            "saved as an encoder"
        )
    # weights of a part that the network has, such as a fifth layer of four
    parts = dict(model.base_model.named_children())
    surplus = [name.removeprefix(prefix) for name in report["unexpected_keys"]]
    surplus = sorted(name for name in surplus if name.split(".")[0] in parts)
    surplus = [name for name in surplus if not name.endswith("position_ids")]
    for names, problem in ((missing, "lack"), (surplus, "do not belong in the network:")):
        if names:
            raise ValueError(
                f"the weights of {folder} and its config.json do not fit: the weights {problem} "
                f"{names[0]} ({len(names)} in all); copy or download the model again"
            )


def check_tokenizer(folder: Path, tokenizer, model) -> None:
    """Padding on the right, which changes no position; ValueError for tokens without a vector."""
    if tokenizer.pad_token is None:
        raise ValueError(
            f"the tokenizer of {folder} has no padding token, so texts cannot share a batch: set "
            "tokenizer.pad_token and save it again"
        )
    largest = max(tokenizer.get_vocab().values())
    rows = len(model.get_input_embeddings().weight)
    if largest >= rows:
        raise ValueError(
            f"the tokenizer of {folder} has token {largest}, and the network only {rows} tokens: "
            "they are of different models, or the embeddings were not resized"
        )
    tokenizer.padding_side = "right"


def longest_text(model) -> int | None:
    """How many tokens fit into the network's learned positions; None when it has no such limit."""
    limits = []
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, torch.nn.Embedding):
            # some networks begin to count after the position of their padding
            reserved = 0 if part.padding_idx is None else part.padding_idx + 1
            limits.append(part.num_embeddings - reserved)
    return min(limits, default=None)


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A folder to write into, which takes the name ``folder`` at the end of the block.

    All or nothing: after an error or interrupt nothing is left. Raises FileExistsError when
    ``folder`` exists and is not empty.
    """
    target = Path(folder).resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{folder} is not empty; choose another name (nothing was saved)")
    target.parent.mkdir(parents=True, exist_ok=True)
    # what a killed process left more than a day ago; another process may remove it, too
    for old in target.parent.glob(".saving-*"):
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > 24 * 3600:
                shutil.rmtree(old, ignore_errors=True)
    temporary = target.parent / f".saving-{secrets.token_hex(8)}"
    try:
        temporary.mkdir()
        yield temporary
        if target.is_dir():
            target.rmdir()  # it is empty, and Windows renames to no name that is taken
        temporary.rename(target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        error.add_note(f"Nothing was saved in {folder}.")
        raise


def save_model(folder: str | Path, model, tokenizer, settings: dict) -> Path:
    """Save in the course's layout, which sentence-transformers reads, too; returns the folder.

    settings: as ``course_settings`` returns them. Raises the same errors as ``new_folder``.
    """
    # the list of layers: transformer, pooling, and for some models a normalisation to length 1
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds[: 2 + settings["normalize"]])
    ]
    # the kind of pooling, as one switch for each kind
    modes = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    pooling = {f"pooling_mode_{mode}": key == settings["pooling"] for key, mode in modes.items()}
    dim = model.config.hidden_size
    with new_folder(folder) as temporary:
        with hub.quiet():
            model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
        for path, content in {
            "modules.json": modules,
            "sentence_bert_config.json": {"max_seq_length": settings["max_length"]},
            "1_Pooling/config.json": {"word_embedding_dimension": dim, **pooling},
            hub.MARKER: {"format": FORMAT, **settings},
        }.items():
            (temporary / path).parent.mkdir(exist_ok=True)
            (temporary / path).write_text(json.dumps(content, indent=2), encoding="utf-8")
    return Path(folder)


def fingerprint(settings: dict, config, tokenizer, weights: Mapping[str, torch.Tensor]) -> str:
    """32 hex digits that change when a weight, a setting or the tokenizer changes.

    Computed from what is in memory, each time: 90 MB take about 0.1 s. The pooler is left out; it
    is not used.
    """
    digest = hashlib.blake2b(digest_size=16)
    # the network's shape, without where it came from and in which precision it was stored
    outside = {"_name_or_path", "transformers_version", "dtype", "architectures"}
    config = config.to_dict() if config else {}
    shape = {key: value for key, value in config.items() if key not in outside}
    words = repr(sorted(tokenizer.get_vocab().items()))
    if backend := getattr(tokenizer, "backend_tokenizer", None):
        words = backend.to_str()
        # what comes before the vocabulary, padding and truncation, changes with every call
        words = words[words.index('"added_tokens"') :]
    digest.update(json.dumps([settings, shape], sort_keys=True, default=str).encode())
    digest.update(words.encode())
    for name, tensor in sorted(weights.items()):
        if "pooler." not in name:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            data = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(data.view(torch.uint8).numpy())
    return digest.hexdigest()
