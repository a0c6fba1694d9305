"""Notebook 4's little language model once more, so that a check can write with it.

The notebook builds it by hand; ``tests/test_trigrams.py`` holds the two equal.
"""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict


def ngrams(texts, n: int) -> list[tuple[str, ...]]:
    """All runs of ``n`` words in ``texts``, lists of words."""
    return [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]


@functools.lru_cache(maxsize=1)
def read():
    """``(corpus, followers)``: the course's questions as lists of words, and what followed what."""
    from course_utils import datasets

    texts = " ".join(datasets.load_questions()["text"] + datasets.load_queries()["text"]).lower()
    corpus = [re.findall(r"[\w'’-]+|[,?]", q) for q in re.findall(r"[^.?!:]+\?", texts)]
    followers = defaultdict(Counter)  # (words before) -> which words came next, how often
    for first, second, word in ngrams([["", "", *question] for question in corpus], 3):
        for before in ((), (second,), (first, second)):
            followers[before][word] += 1
    return corpus, dict(followers)


@functools.cache
def _shares(*before: str):
    """What followed these words, as shares ``(vocab,)``; None where they were never seen."""
    import numpy as np

    _, followers = read()
    counts = followers.get(before)
    if not counts:
        return None
    number = {word: i for i, word in enumerate(followers[()])}
    shares = np.zeros(len(number))
    shares[[number[word] for word in counts]] = list(counts.values())
    return shares / shares.sum()


def logits(first: str, second: str):
    """Logits ``(vocab,)`` of the word after these two (``""``: before the beginning), float64."""
    import numpy as np

    p = _shares()
    for longer in (_shares(second), _shares(first, second)):
        if longer is not None:
            p = 0.9 * longer + 0.1 * p
    return np.log(p)


def write(n: int, T: float, k: int | None, p: float, seed: int) -> list[list[str]]:
    """``n`` questions at this temperature, top-k and top-p. Raises as ``sampling``'s functions."""
    import numpy as np

    from course_utils import sampling

    vocabulary = list(read()[1][()])
    rng, texts = np.random.default_rng(seed), []

    @functools.cache
    def probabilities(first, second):
        z = logits(first, second) / sampling.check_temperature(T)
        return sampling.softmax(sampling.top_p(sampling.top_k(z, k or len(z)), p))

    while len(texts) < n:
        text = ["", ""]
        while text[-1] != "?" and len(text) < 18:
            text.append(vocabulary[sampling.sample(probabilities(*text[-2:]), rng=rng)[0]])
        texts.append(text[2:])
    return texts


def judge(texts) -> tuple[float, float]:
    """Distinct-2 (Li et al. 2016), and the share of word triples that the corpus holds."""
    known = set(ngrams(read()[0], 3))
    pairs, triples = ngrams(texts, 2), ngrams(texts, 3)
    familiar = sum(triple in known for triple in triples) / max(len(triples), 1)
    return len(set(pairs)) / max(len(pairs), 1), familiar
