"""Ask a masked language model for the word under ``[MASK]`` (Devlin et al. 2019, section 3.1)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import AutoModelForMaskedLM

from course_utils.internal import hub, model_files
from course_utils.internal.checks import check_top_k
from course_utils.internal.hub import ASSETS
from course_utils.internal.texts import check_texts


class Candidate(NamedTuple):
    """A word for the gap, with its logit and its probability."""

    word: str
    logit: float
    probability: float


def load_masked_lm(source: str | Path = ASSETS / "course-bert"):
    """``(tokenizer, model)`` of a masked language model, float32, ready for inference.

    source: a folder or hub id. Raises FileNotFoundError when there is no such model, ValueError
    when its weights are damaged or have no head that predicts words.
    """
    # a model is kept until its files change
    stamp = sorted(
        (path.name, path.stat().st_mtime_ns, path.stat().st_size)
        for path in Path(source).glob("*")
        if path.is_file()
    )
    return _load(str(source), tuple(stamp))


@lru_cache(maxsize=2)
def _load(source: str, stamp: tuple):
    try:
        folder = hub.find(source)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no masked language model at {source}: give a folder with config.json, "
            "model.safetensors and tokenizer.json, or a hub id when you are online"
        ) from error
    # tokenizer and network, every weight checked
    return model_files.open_network(folder, AutoModelForMaskedLM)


def mask_logits(text: str, source: str | Path = ASSETS / "course-bert"):
    """``(words, logits (vocab,) float64)`` for the one ``[MASK]`` in ``text``.

    Raises the same errors as ``load_masked_lm`` and ``check_texts``, and ValueError when the text
    does not hold exactly one ``[MASK]`` or is longer than the model reads.
    """
    tokenizer, model = load_masked_lm(source)
    # words -> token ids (1, t)
    batch = tokenizer(check_texts([text]), return_tensors="pt", verbose=False)
    # nothing is cut off: the gap could be in what is cut
    tokens = batch["input_ids"].shape[1]
    most = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    if tokens > most:
        raise ValueError(f"the text has {tokens} tokens, the model reads {most}: use fewer words")
    # where the gap is
    places = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
    if len(places) != 1:
        raise ValueError(
            f"write exactly one {tokenizer.mask_token} into the sentence; found {len(places)}"
        )
    # a logit for each word of the vocabulary, at each token; keep those of the gap: (vocab,)
    with torch.inference_mode():
        logits = model(**batch).logits[0, places[0]].double().numpy()
    return tokenizer.convert_ids_to_tokens(range(len(logits))), logits


def fill_mask(text: str, top_k: int = 5, source=ASSETS / "course-bert") -> list[Candidate]:
    """The ``top_k`` most probable words for the one ``[MASK]`` in ``text``, best first.

    Raises the same errors as ``mask_logits``, and ValueError for a top_k outside 1 … vocabulary.
    """
    words, logits = mask_logits(text, source)
    check_top_k(top_k, len(words), "the words of the vocabulary")
    # logits -> probabilities that sum to 1
    probabilities = torch.from_numpy(logits).softmax(dim=0)
    # the highest logits first; equal ones in the order of the vocabulary
    best = np.argsort(-logits, kind="stable")[:top_k]
    return [Candidate(words[i], float(logits[i]), float(probabilities[i])) for i in best]
