"""Ask a masked language model for the word under ``[MASK]`` (Devlin et al. 2019, section 3.1)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.internal.hub import ASSETS, quiet


class Candidate(NamedTuple):
    """A word for the gap, with its logit and its probability."""

    word: str
    logit: float
    probability: float


@lru_cache(maxsize=2)
def load_masked_lm(source: str | Path = ASSETS / "course-bert"):
    """``(tokenizer, model)`` of a masked language model, float32, ready for inference.

    source: a folder or hub id. Raises FileNotFoundError when there is no such model.
    """
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForMaskedLM.from_pretrained(
                source, use_safetensors=True, dtype=torch.float32
            )
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"no masked language model at {source}: give a folder with config.json, "
            "model.safetensors and tokenizer.json, or a hub id when you are online"
        ) from error
    return tokenizer, model.eval()


def mask_logits(text: str, source: str | Path = ASSETS / "course-bert"):
    """``(words, logits (vocab,) float64)`` for the one ``[MASK]`` in ``text``.

    Raises ValueError when the text does not hold exactly one ``[MASK]``.
    """
    import torch

    tokenizer, model = load_masked_lm(source)
    batch = tokenizer(text, return_tensors="pt", truncation=True)
    places = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
    if len(places) != 1:
        raise ValueError(
            f"write exactly one {tokenizer.mask_token} into the sentence; found {len(places)}"
        )
    with torch.inference_mode():
        logits = model(**batch).logits[0, places[0]].double().numpy()
    return tokenizer.convert_ids_to_tokens(range(len(logits))), logits


def fill_mask(text: str, top_k: int = 5, source=ASSETS / "course-bert") -> list[Candidate]:
    """The ``top_k`` most probable words for the one ``[MASK]`` in ``text``, best first.

    Raises as ``mask_logits``, and ValueError for a top_k outside 1 … vocabulary.
    """
    from course_utils import sampling

    words, logits = mask_logits(text, source)
    if not 1 <= top_k <= len(words):
        raise ValueError(f"top_k must be from 1 to {len(words)}; got {top_k}")
    probabilities = sampling.softmax(logits)
    best = np.argsort(-logits, kind="stable")[:top_k]
    return [Candidate(words[i], float(logits[i]), float(probabilities[i])) for i in best]
