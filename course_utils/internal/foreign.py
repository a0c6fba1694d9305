"""Models that others made, computed by sentence-transformers with all that their settings ask for.

Prompts, further layers, lower-casing, truncation, any pooling: whatever ``SentenceTransformer`` can
load works here behind the same methods as the course's own encoders.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from course_utils.internal import hub, model_files, speed
from course_utils.internal.texts import check_texts


def open_library_model(folder: Path):
    """The ``SentenceTransformer`` of a folder, on the processor, after all checks.

    Raises the same errors as ``model_files.open_network``, and ValueError for a model of another
    kind (a cross-encoder, say).
    """
    model_files.check_folder(folder)
    try:
        library, report = _load(folder)
    except Exception as error:  # each part of a damaged folder fails in its own way
        raise model_files.broken(folder, error) from error
    model = library.transformers_model
    if model is None:  # a table of word vectors
        return library.eval()
    model_files.check_weights(folder, model, report)
    model_files.check_tokenizer(folder, library.tokenizer, model)
    length = library.max_seq_length
    if not (isinstance(length, int) and length > 0):
        raise model_files.broken(folder, ValueError(f"max_seq_length is {length!r}"))
    # no longer than the network's positions, which the library counts too generously
    library.max_seq_length = min(length, model_files.longest_text(model) or length)
    return library.eval()


def _load(folder: Path) -> tuple:
    """The ``SentenceTransformer``, and transformers' report on its weights (None without any)."""
    from sentence_transformers import SentenceTransformer

    kind = _read(folder / "config_sentence_transformers.json", {}).get("model_type")
    if kind not in (None, "SentenceTransformer"):
        raise ValueError(f"it is a {kind}, not a sentence encoder")
    path = _read(folder / "modules.json", [{"path": ""}])[0]["path"]
    with hub.quiet():
        library = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )  # fmt: skip
        model = library.transformers_model
        if model is None:
            return library, None
        # read once more, only for the report: the library keeps it to itself
        _, report = type(model).from_pretrained(
            folder / path, config=model.config, output_loading_info=True, **model_files.READ
        )
    return library, report


def _read(path: Path, default):
    """The JSON file's content, or ``default`` where there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default


class LibraryEncoder:
    """A ``SentenceTransformer`` with the methods of ``encoders.TransformerEncoder``."""

    def __init__(self, name: str, library, pooling: str | None = None):
        from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

        self.name, self.library = name, library
        found = [key for key, part in library.named_children() if isinstance(part, Pooling)]
        if pooling and not found:
            raise ValueError(f"{name} has no pooling to choose: leave pooling out")
        if pooling:
            before = getattr(library, found[0])
            after = Pooling(before.embedding_dimension, pooling, before.include_prompt)
            setattr(library, found[0], after)
        self.pooling = getattr(library, found[0]).pooling_mode if found else None
        self.normalize = any(isinstance(part, Normalize) for part in library.children())
        self.dim = library.get_embedding_dimension()

    @property
    def model(self):
        """The network inside, as transformers knows it; None for a table of word vectors."""
        return self.library.transformers_model

    @property
    def tokenizer(self):
        """The tokenizer of ``model``."""
        return self.library.tokenizer

    @property
    def max_length(self) -> int:
        """Tokens of a text that are read; the rest is cut."""
        return self.library.max_seq_length

    @property
    def fingerprint(self) -> str:
        """32 hex digits for this model and its settings: training changes them."""
        library = self.library
        parts = [
            [type(part).__name__, getattr(part, "get_config_dict", dict)()]
            for part in library.children()
        ]
        prompts = [library.prompts, library.default_prompt_name]
        settings = {"parts": parts, "prompts": prompts, "max_length": self.max_length}
        config = self.model.config if self.model is not None else None
        return model_files.fingerprint(settings, config, self.tokenizer, library.state_dict())

    def tokenize(self, texts: Sequence[str]):
        """The library's inputs: ``input_ids``, ``attention_mask`` ``(b, t)``, and what it adds."""
        prompt = self.library.prompts.get(self.library.default_prompt_name)
        batch = self.library.preprocess(check_texts(texts), prompt=prompt)
        device = self.library.device
        return {
            key: value.to(device) if hasattr(value, "to") else value for key, value in batch.items()
        }

    def pool(self, batch):
        """Sentence vectors ``(b, dim)`` of a tokenized batch, with gradient."""
        return self.library(dict(batch))["sentence_embedding"]

    def embed(self, *groups: Sequence[str]):
        """Vectors with gradient, for training: a ``(b, dim)`` tensor for each group of texts."""
        groups = [check_texts(group) for group in groups]
        with speed.ONE_AT_A_TIME:
            vectors = self.pool(self.tokenize([text for group in groups for text in group]))
        vectors = vectors.split([len(group) for group in groups])
        return vectors if len(groups) > 1 else vectors[0]

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, show_progress: bool = False
    ) -> np.ndarray:
        """Embeddings ``(n, dim)`` float32, rows in the order of ``texts``.

        Raises the same errors as ``check_texts``, and ValueError for batch_size < 1.
        """
        texts = check_texts(texts)
        embeddings = np.empty((len(texts), self.dim), dtype=np.float32)

        # texts -> vectors, each batch into the rows of its texts
        def compute(rows: np.ndarray) -> None:
            embeddings[rows] = self.pool(self.tokenize([texts[i] for i in rows])).cpu().numpy()

        batches = speed.batches_by_length([len(text) for text in texts], batch_size)
        speed.run_batches(self.library, compute, batches, show_progress)
        return embeddings

    def save(self, folder: str | Path) -> Path:
        """Save to a new ``folder`` in sentence-transformers' layout, all or nothing.

        Never overwrites: raises FileExistsError when the folder exists and is not empty.
        """
        with model_files.new_folder(folder) as temporary, hub.quiet():
            self.library.save_pretrained(str(temporary), create_model_card=False)
        return Path(folder)
