"""Checks of lesson 2: masked mean, maximum, cosines, recall and MRR, and a trap for GloVe."""

from __future__ import annotations

import numpy as np
import torch

from course_utils.exercises import models
from course_utils.exercises.feedback import (
    Hint,
    ToDo,
    call,
    check,
    expect,
    name_mistake,
    near,
    numbers,
)

# The tests of an answer: three sentences of 3, 2 and 4 real tokens in a batch of 4, 5 numbers each.
REAL = (3, 2, 4)
SHAPES = {  # what torch says about shapes that do not fit, and why they do not
    r"\(5\) must match .* \(3\)|\(3\) must match .* \(5\)": "the sums are (b, d), the numbers of "
    "tokens (b,). Keep a last dimension of 1: count m = mask.unsqueeze(-1), or keepdim=True.",
    r"must match": "the mask is (b, t) and x is (b, t, d): mask.unsqueeze(-1) fits.",
}


def _tokens():
    """Token vectors ``(3, 4, 5)`` float32, mostly negative, and their mask ``(3, 4, 1)`` int64."""
    x = torch.randn(len(REAL), max(REAL), 5, generator=torch.Generator().manual_seed(2)) - 1.5
    mask = (torch.arange(max(REAL)) < torch.tensor(REAL)[:, None]).long()
    x[mask == 0] += 4  # the padding's numbers are not small
    return x, mask.unsqueeze(-1)


@check
def check_masked_mean(answer) -> str:
    """``answer(x (b, t, d), mask (b, t)) -> (b, d)``."""
    x, m = _tokens()
    real, padding = x * m, 1 - m
    total, count = real.sum(1), m.sum(1)
    mistakes = {
        "you averaged the padding, too: multiply by the mask before you add up.": x.mean(1),
        "you divide by all t columns: divide by the number of real tokens.": real.mean(1),
        "you divide well, but the sum still holds the padding.": x.sum(1) / count,
        "this is the sum of the real tokens: divide it by their number.": total,
        "you divide by the tokens of the whole batch: use m.sum(dim=1).": total / m.sum(),
        "you left [CLS] out: it is a real token, too.": real[:, 1:].sum(1) / m[:, 1:].sum(1),
        "this averages over the sentences: tokens are dimension 1, dim=1.": real.sum(0) / m.sum(0),
        "the mask is inverted: 1 is a real token, 0 is padding.": (
            (x * padding).sum(1) / padding.sum(1)
        ),
        "~ of the numbers 0 and 1 is -1 and -2; the mask is right as it is.": (
            (x * ~m).sum(1) / (~m).sum(1)
        ),
        "this is the mean of each token's 5 numbers; over tokens it is dim=1.": real.mean(2),
        "this is a maximum; add up and divide.": real.amax(1),
    }
    _check_pooling(answer, total / count, mistakes)
    return "padding no longer counts, and each sentence is divided by its own number of tokens."


@check
def check_max_of_real_tokens(answer) -> str:
    """``answer(x (b, t, d), mask (b, t)) -> (b, d)``."""
    x, m = _tokens()
    real, filler = (x.masked_fill(m == hidden, float("-inf")) for hidden in (0, 1))
    mistakes = {
        "padding wins in places: keep it out before you take the maximum.": x.amax(1),
        "0 wins over real values below it: put −inf in the padding's place.": (x * m).amax(1),
        "this is the maximum over a token's 5 numbers: over tokens it is dim=1.": x.amax(2),
        "you kept the padding: −inf belongs where the mask is 0.": filler.amax(1),
        "this is where the largest are: take the values, not the indices.": real.argmax(1),
        "this is the minimum: take .max or .amax.": x.masked_fill(m == 0, float("inf")).amin(1),
        "this is the mean; the largest value is needed.": (x * m).sum(1) / m.sum(1),
    }
    _check_pooling(answer, real.amax(1), mistakes)
    low = call(answer, x - 10_000, m.squeeze(-1), slips=SHAPES)
    fill = "what you put in the padding's place still wins over very low values: take −inf."
    expect(near(low, (real - 10_000).amax(1)), fill)
    return "the largest real value of each dimension, whatever the padding holds."


def _check_pooling(answer, want, mistakes) -> None:
    """Hint unless ``answer`` makes ``want`` of the tokens."""
    x, m = _tokens()
    got = call(answer, x, m.squeeze(-1), slips=SHAPES)
    two = isinstance(got, tuple) and hasattr(got, "values")  # what torch's max(dim=1) returns
    expect(not two, "max over a dimension gives two things, values and indices: take .values.")
    _compare(got, want, mistakes, "(b, d) = (3, 5): one vector for each sentence")


def _compare(got, want, mistakes, shape) -> None:
    """Hint unless ``got`` is ``want``: by what it is instead, by its shape, or by row."""
    got = numbers(got, "the result")
    name_mistake(got, mistakes)
    expect(got.shape == tuple(want.shape), f"the shape should be {shape}; it is {got.shape}.")
    expect(np.isfinite(got).all(), "there is nan or infinity in your result.")
    bad = int(np.argmax(abs(got - numbers(want)).max(axis=-1)))
    right_row = numbers(want)[bad].round(2).tolist()
    expect(near(got, want), f"row {bad} should be {right_row}.")


@check
def check_cosine_table(answer) -> str:
    """``answer(a (n, d), b (m, d)) -> (n, m)``."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 6)) * 3, rng.normal(size=(2, 6)) + 1
    slips = {
        r"\(4,6\) \(2,6\)": "a has 4 rows, b has 2, and * pairs row with row; a @ b.T is every "
        "row with every row.",
        "broadcast": "the lengths of a fit a when they are (n, 1): keepdims=True. The same holds "
        "for b.",
    }
    got = call(answer, a, b, slips=slips)
    dots, norm = a @ b.T, np.linalg.norm
    long_a, long_b = norm(a, axis=1)[:, None], norm(b, axis=1)
    want = dots / long_a / long_b
    columns = (a / norm(a, axis=0)) @ (b / norm(b, axis=0)).T
    mistakes = {
        "these are dot products: long vectors win. Divide by both lengths.": dots,
        "only one side is divided by its length: divide by the other's, too.": dots / long_a,
        "only the second side is divided by its length.": dots / long_b,
        "that is the length of the whole table: take each row's, axis=1.": dots / norm(a) / norm(b),
        "these are the lengths of the columns: a vector is a row, so take axis=1.": columns,
        "turn it round: rows belong to a, columns to b.": want.T,
        "these are squared lengths: a length has a square root.": dots / (long_a * long_b) ** 2,
        "this is 1 − cosine, a distance; the cosine itself is needed.": 1 - want,
        "these are angles; the cosine itself is needed.": np.arccos(want),
        "you multiply by the lengths: divide.": dots * long_a * long_b,
    }
    _compare(got, want, mistakes, "(n, m) = (4, 2): rows of a by rows of b")
    return "every row with every row, and only the directions count."


@check
def check_recall_and_mrr(answer) -> str:
    """``answer(scores (q, n), right (q, n) bool, k) -> (recall at k, MRR)``."""
    rng = np.random.default_rng(4)
    scores = rng.permuted(np.tile(np.linspace(-0.4, 0.9, 8), (30, 1)), axis=1)
    right = rng.permuted(np.tile(np.arange(8) < 2, (30, 1)), axis=1)
    k = 3
    got = call(answer, scores, right, k)
    try:
        recall, mrr = (float(numbers(value)) for value in got)
    except (TypeError, ValueError):
        raise Hint("return two numbers: recall, mrr.") from None
    # what is right at each place, the best place first (q, n), and the first right place (q,)
    ordered = np.take_along_axis(right, np.argsort(-scores, axis=1), axis=1)
    rank = ordered.argmax(axis=1) + 1
    name_mistake(recall, _slips_of_recall(scores, right, k, ordered, rank))
    expect(near(recall, (rank <= k).mean()), "recall is not right yet: look at each rank.")
    name_mistake(mrr, _slips_of_mrr(k, ordered, rank))
    expect(near(mrr, (1 / rank).mean()), "recall is right; MRR is the mean of 1/rank.")
    return "the rank of the first right answer, counted from 1, and two ways to average it."


def _slips_of_recall(scores, right, k: int, ordered, rank) -> dict:
    """``{hint: the recall at k that this slip gives}``."""
    by_column = np.take_along_axis(right, np.argsort(-scores, axis=0), axis=0)
    from_last, of_columns, unsorted = (
        table.argmax(axis=1) + 1 for table in (ordered[:, ::-1], by_column, right)
    )
    order = np.argsort(-scores, axis=1)
    places = order[np.arange(len(right)), right.argmax(axis=1)] + 1
    return {
        "the best rank is 1, not 0: argmax counts from 0.": (rank - 1 <= k).mean(),
        "your order is worst first: sort by −scores.": (from_last <= k).mean(),
        "the other way round: recall comes first, then MRR.": (1 / rank).mean(),
        "rank k itself counts: “among the first k” is rank <= k.": (rank < k).mean(),
        "recall is a share: divide the count by the number of new questions.": (rank <= k).sum(),
        "count questions, not all right answers of each.": ordered[:, :k].sum() / right.sum(),
        "that is a precision: of k places the share that is right.": ordered[:, :k].mean(),
        "each new question is a row: sort along axis=1.": (of_columns <= k).mean(),
        "the scores have no effect: bring `right` into the scores' order.": (unsorted <= k).mean(),
        "argsort says which text is at a place, not at which place a text is.": (
            (places <= k).mean()
        ),
    }


def _slips_of_mrr(k: int, ordered, rank) -> dict:
    """``{hint: the MRR that this slip gives}``."""
    return {
        "that is 1 over the mean rank: first 1/rank, then the mean.": 1 / rank.mean(),
        "that is the mean rank: take the mean of 1/rank.": rank.mean(),
        "only the first right answer of each counts.": (1 / (np.nonzero(ordered)[1] + 1)).mean(),
        "a rank of 0 makes 1/rank infinite: the best rank is 1.": np.inf,
        "only the ranks up to k are in your MRR: all count.": ((rank <= k) / rank).mean(),
        "that is the sum; MRR is the mean of 1/rank.": (1 / rank).sum(),
        "your ranks are one too high: the best rank is 1.": (1 / (rank + 1)).mean(),
    }


@check
def check_fool_glove(sentence, same, trap) -> str:
    """Three strings: GloVe must prefer ``trap``, a trained encoder must prefer ``same``."""
    texts = {"sentence": sentence, "same": same, "trap": trap}
    for name, text in texts.items():
        expect(isinstance(text, str), f"{name} should be a text in quotes.")
        if not text.strip():
            raise ToDo
        expect(len(text.split()) >= 4, f"write at least four words: {name} has fewer.")
    words = [models.encoder("glove").words(text) for text in texts.values()]
    bags = [sorted(word for word in one if word.isalnum()) for one in words]
    expect(bags[0] != bags[1], "`same` has exactly the words of `sentence`: use other words.")
    expect(bags[0] != bags[2], "`trap` has exactly the words of `sentence`: change what it means.")
    expect(bags[1] != bags[2], "`trap` has exactly the words of `same`: change what it means.")
    both = [models.cosines_with_first(name, texts) for name in ("glove", "minilm")]
    glove, minilm = ("{:.2f} for `same`, {:.2f} for `trap`".format(*pair) for pair in both)
    advice = "Let the trap share more words with the sentence, and `same` fewer."
    expect(both[0][1] > both[0][0], f"GloVe is not fooled: {glove}. {advice}")
    advice = "Let the trap keep the small words (is, there, a, to) and change the subject."
    expect(both[1][0] > both[1][1], f"MiniLM, too, is fooled: {minilm}. {advice}")
    expect(both[1][0] >= 0.4, f"MiniLM has {minilm}: does `same` really say the same?")
    return f"GloVe has {glove}; MiniLM has {minilm}."
