"""Checks of lesson 2: masked mean, maximum, cosines, recall and MRR, and a trap for GloVe."""

from __future__ import annotations

import functools

from course_utils.exercises.core import Hint, ToDo, call, check, expect, near, numbers

# The tests of an answer: three sentences of 3, 2 and 4 real tokens in a batch of 4, 5 numbers each.
REAL = (3, 2, 4)


def _tokens():
    """Token vectors ``(3, 4, 5)`` float32, mostly negative, and their mask ``(3, 4)`` int64."""
    import torch

    x = torch.randn(len(REAL), max(REAL), 5, generator=torch.Generator().manual_seed(2)) - 1.5
    mask = (torch.arange(max(REAL)) < torch.tensor(REAL)[:, None]).long()
    x[mask == 0] += 4  # what padding holds is no small matter
    return x, mask


@check
def check_masked_mean(answer) -> str:
    """``answer(x (b, t, d), mask (b, t)) -> (b, d)``."""
    x, mask = _tokens()
    given = x.clone()
    got = numbers(_call_with_mask(answer, given, mask), "the result")
    m = mask.unsqueeze(-1)
    want = (x * m).sum(1) / m.sum(1)
    mistakes = {
        "you averaged the padding, too: multiply by the mask before you add up.": x.mean(1),
        "the padding adds nothing now, but you divide by all t columns: divide by the number of "
        "real tokens.": (x * m).mean(1),
        "you divide by the number of real tokens, but the sum still holds the padding.": x.sum(1)
        / m.sum(1),
        "this is the sum of the real tokens: divide it by their number.": (x * m).sum(1),
        "you divide by the real tokens of the whole batch: each sentence has its own count, "
        "m.sum(dim=1).": (x * m).sum(1) / m.sum(),
        "you left [CLS] out: it is a real token, and the library averages it in.": (
            (x * m)[:, 1:].sum(1) / m[:, 1:].sum(1)
        ),
        "this is the average over all sentences: tokens are dimension 1, dim=1.": (x * m).sum(0)
        / m.sum(0),
    }
    _compare(got, want, mistakes, "(b, d) = (3, 5): one vector for each sentence")
    expect(bool((given == x).all()), "you changed x itself: make a new tensor instead.")
    return "padding no longer counts, and each sentence is divided by its own number of tokens."


@check
def check_max_of_real_tokens(answer) -> str:
    """``answer(x (b, t, d), mask (b, t)) -> (b, d)``."""
    x, mask = _tokens()
    given = x.clone()
    got = _call_with_mask(answer, given, mask)
    expect(
        not (isinstance(got, tuple) and hasattr(got, "values")),
        "torch's max over a dimension gives two things, values and indices: take .values.",
    )
    got = numbers(got, "the result")
    m = mask.unsqueeze(-1)
    want = x.masked_fill(m == 0, float("-inf")).amax(1)
    mistakes = {
        "padding wins in places: keep it out before you take the maximum.": x.amax(1),
        "with 0 in the padding's place, 0 wins over real values below it: put −inf there, which "
        "never wins.": (x * m).amax(1),
        "this is the maximum over the 5 numbers of a token: over tokens it is dim=1.": x.amax(2),
        "you masked the real tokens and kept the padding: −inf belongs where the mask is 0.": (
            x.masked_fill(m == 1, float("-inf")).amax(1)
        ),
        "this is where the largest values stand: take the values, not the indices.": (
            x.masked_fill(m == 0, float("-inf")).argmax(1).float()
        ),
    }
    _compare(got, want, mistakes, "(b, d) = (3, 5): one vector for each sentence")
    expect(bool((given == x).all()), "you changed x itself: masked_fill without _ makes a copy.")
    return "the largest real value of each dimension, whatever the padding holds."


def _call_with_mask(answer, x, mask):
    """``call``, with a word about shapes where the mask does not fit the tokens."""
    try:
        return call(answer, x, mask.clone())
    except Hint as hint:
        if "must match" not in str(hint):
            raise
        raise Hint(
            f"{hint} Is it the mask? It is (b, t) and x is (b, t, d): mask.unsqueeze(-1) fits."
        ) from None


def _compare(got, want, mistakes, shape) -> None:
    """Hint unless ``got`` is ``want``: by what it is instead, by its shape, or by row."""
    import numpy as np

    if near(got, want):
        return
    for hint, wrong in mistakes.items():
        expect(not near(got, wrong), hint)
    expect(got.shape == tuple(want.shape), f"the shape should be {shape}; it is {got.shape}.")
    expect(np.isfinite(got).all(), "there is nan or infinity in your result.")
    bad = int(np.argmax(abs(got - numbers(want)).max(axis=-1)))
    raise Hint(f"not yet: row {bad} should be {numbers(want)[bad].round(2).tolist()}.")


@check
def check_cosine_table(answer) -> str:
    """``answer(a (n, d), b (m, d)) -> (n, m)``."""
    import numpy as np

    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 6)) * 3, rng.normal(size=(2, 6)) + 1
    got = numbers(call(answer, a.copy(), b.copy()), "the result")
    lengths = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)
    want = a @ b.T / lengths[0] / lengths[1]
    mistakes = {
        "these are dot products: long vectors win. Divide by both lengths.": a @ b.T,
        "only one side is divided by its length: divide by the other's, too.": a @ b.T / lengths[0],
        "only the second side is divided by its length.": a @ b.T / lengths[1],
        "you divided by the length of the whole table: each row has its own, axis=1.": a
        @ b.T
        / np.linalg.norm(a)
        / np.linalg.norm(b),
        "turn it round: rows belong to a, columns to b.": want.T,
        "you divided by the squared lengths: the length has a square root.": (
            a @ b.T / lengths[0] ** 2 / lengths[1] ** 2
        ),
    }
    _compare(got, want, mistakes, "(n, m) = (4, 2): rows of a by rows of b")
    return "every row with every row, and only the directions count."


@check
def check_recall_and_mrr(answer) -> str:
    """``answer(scores (q, n), right (q, n) bool, k) -> (recall at k, MRR)``."""
    import numpy as np

    rng = np.random.default_rng(4)
    scores = rng.permuted(np.tile(np.linspace(-0.4, 0.9, 8), (12, 1)), axis=1)
    right = rng.permuted(np.tile(np.arange(8) < 2, (12, 1)), axis=1)
    k = 3
    got = call(answer, scores.copy(), right.copy(), k)
    try:
        recall, mrr = (float(numbers(value)) for value in got)
    except (TypeError, ValueError):
        raise Hint("return two numbers: recall, mrr.") from None
    ordered = np.take_along_axis(right, np.argsort(-scores, axis=1), axis=1)
    rank = ordered.argmax(axis=1) + 1
    worst_first = ordered[:, ::-1].argmax(axis=1) + 1
    all_ranks = np.nonzero(ordered)[1] + 1
    if near((recall, mrr), ((rank <= k).mean(), (1 / rank).mean())):
        return "the rank of the first right answer, counted from 1, and two ways to average it."
    hints = {
        "the best rank is 1, not 0: argmax counts from 0.": ((rank <= k + 1).mean(), np.inf),
        "your order is worst first: sort by −scores.": (
            (worst_first <= k).mean(),
            (1 / worst_first).mean(),
        ),
        "the two are right, but the other way round: recall first.": (
            (1 / rank).mean(),
            (rank <= k).mean(),
        ),
    }
    for hint, wrong in hints.items():
        expect(not near((recall, mrr), wrong), hint)
    expect(
        not near(recall, (rank < k).mean()),
        "rank k itself counts: “among the first k” is rank <= k.",
    )
    expect(
        not near(recall, (rank <= k).sum()) or recall <= 1,
        "recall is a share: divide the count by the number of new questions.",
    )
    expect(
        not near(recall, ordered[:, :k].sum() / right.sum()),
        "count new questions, not right answers: one right answer among the first k is enough.",
    )
    expect(near(recall, (rank <= k).mean()), "recall is not right yet: look at each rank.")
    expect(
        not near(mrr, 1 / rank.mean()),
        "that is 1 over the mean rank: take 1/rank of each question, then the mean.",
    )
    expect(not near(mrr, rank.mean()), "that is the mean rank: take the mean of 1/rank.")
    expect(
        not near(mrr, (1 / all_ranks).mean()),
        "only the first right answer of each question counts, not all of them.",
    )
    expect(np.isfinite(mrr), "a rank of 0 makes 1/rank infinite: the best rank is 1.")
    raise Hint("recall is right; MRR is the mean of 1/rank of the first right answers.")


@functools.cache
def _encoder(name: str):
    from course_utils import encoders

    return encoders.load(name)


def _cosines(name: str, sentence: str, others: list[str]) -> list[float]:
    """Cosine of ``sentence`` with each of ``others`` by one encoder; Hint for unknown words."""
    from course_utils.similarity import cosine_similarity

    try:
        vectors = _encoder(name).encode([sentence, *others])
    except ValueError as error:
        raise Hint(f"{name} cannot read this: {error}") from None
    return cosine_similarity(vectors[:1], vectors[1:])[0].tolist()


@check
def check_fool_glove(sentence, same, trap) -> str:
    """Three strings: GloVe must prefer ``trap``, a trained encoder must prefer ``same``."""
    texts = [sentence, same, trap]
    for name, text in zip(("sentence", "same", "trap"), texts, strict=True):
        expect(isinstance(text, str), f"{name} should be a text in quotes.")
        if not text.strip():
            raise ToDo
        expect(len(text.split()) >= 4, f"write at least four words: {name} has fewer.")
    bags = [sorted(_encoder("glove").words(text)) for text in texts]
    expect(bags[0] != bags[1], "`same` has exactly the words of `sentence`: use other words.")
    glove = _cosines("glove", sentence, texts[1:])
    expect(
        glove[1] > glove[0],
        f"GloVe is not fooled: {glove[0]:.2f} for `same`, {glove[1]:.2f} for `trap`. Let the trap "
        "share more words with the sentence, and `same` fewer.",
    )
    minilm = _cosines("minilm", sentence, texts[1:])
    expect(
        minilm[0] > minilm[1],
        f"MiniLM, too, finds `trap` ({minilm[1]:.2f}) closer than `same` ({minilm[0]:.2f}): let "
        "the trap keep the small words (is, there, a, to) and change the subject.",
    )
    expect(
        minilm[0] >= 0.4,
        f"MiniLM gives your `same` only {minilm[0]:.2f}: does it really say the same?",
    )
    return (
        f"GloVe: {glove[0]:.2f} for the same meaning, {glove[1]:.2f} for the trap. "
        f"MiniLM: {minilm[0]:.2f} and {minilm[1]:.2f}."
    )
