"""Sampling against scipy, torch and transformers' logits processors, and for what it refuses."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from course_utils import sampling

# Ties are likely (few distinct values), so are "impossible" tokens, huge and tiny values.
LOGIT = st.one_of(
    st.sampled_from([-np.inf, -1e308, -1000.0, -1.0, 0.0, 1.0, 2.0, 1000.0, 1e308]),
    st.floats(-50, 50),
    st.floats(allow_nan=False, allow_infinity=False),
)
ROW = arrays(np.float64, st.integers(1, 12), elements=LOGIT).filter(lambda z: z.max() > -np.inf)
TEMPERATURE = st.one_of(
    st.sampled_from([1e-300, 1e-5, 0.5, 1.0, 2.0, 1e5, 1e300]), st.floats(0.01, 100)
)


def random_logits(seed, vocab=200, rows=5, dtype=np.float64):
    """Without ties, spread as a language model's: ``(rows, vocab)``."""
    return np.random.default_rng(seed).normal(0, 3, (rows, vocab)).astype(dtype)


# ---- soft-max and temperature -----------------------------------------------------------------


@pytest.mark.parametrize(
    "temperature, expected", [(1, [0.12, 0.88]), (0.5, [0.02, 0.98]), (2, [0.27, 0.73])]
)
def test_the_table_of_the_notes(temperature, expected):
    assert sampling.softmax([1, 3], temperature).round(2).tolist() == expected


@settings(max_examples=60)
@given(ROW)
def test_softmax_equals_scipy_and_torch(logits):
    ours, ours_log = sampling.softmax(logits), sampling.log_softmax(logits)
    assert ours.dtype == ours_log.dtype == np.float64
    assert ours.sum() == pytest.approx(1, abs=1e-12)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(ours, scipy.special.softmax(logits), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(ours, torch.tensor(logits).softmax(-1), rtol=1e-9, atol=1e-300)
    theirs = torch.tensor(logits).log_softmax(-1)
    np.testing.assert_allclose(ours_log, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours, np.exp(ours_log), rtol=1e-9, atol=1e-300)


@settings(max_examples=60)
@given(ROW, TEMPERATURE)
def test_any_temperature_gives_a_distribution_in_the_order_of_the_logits(logits, temperature):
    p = sampling.softmax(logits, temperature)
    assert p.sum() == pytest.approx(1, abs=1e-12) and (p >= 0).all()
    assert (p[logits == -np.inf] == 0).all()
    assert (np.diff(p[np.argsort(logits)]) >= 0).all()
    assert p[logits == logits.max()].min() == p.max()
    assert not np.isnan(sampling.log_softmax(logits, temperature)).any()


@given(arrays(np.float64, st.integers(1, 9), elements=st.floats(-30, 30)), st.floats(0.05, 20))
def test_temperature_divides_the_logits(logits, temperature):
    divided = scipy.special.softmax(logits / temperature)
    np.testing.assert_allclose(sampling.softmax(logits, temperature), divided, atol=1e-12)
    logs = scipy.special.log_softmax(logits / temperature)
    np.testing.assert_allclose(sampling.log_softmax(logits, temperature), logs, atol=1e-9)


def test_rows_are_independent():
    logits = random_logits(0).reshape(5, 4, 50)
    p = sampling.softmax(logits, 0.7)
    assert p.shape == (5, 4, 50)
    np.testing.assert_array_equal(p[2, 3], sampling.softmax(logits[2, 3], 0.7))


def test_a_tiny_temperature_is_greedy_and_shares_ties():
    assert sampling.softmax([1, 3, 2], 1e-300).tolist() == [0, 1, 0]
    assert sampling.softmax([3, 1, 3], 1e-300).tolist() == [0.5, 0, 0.5]
    assert sampling.log_softmax([1, 3, 2], 1e-320).tolist() == [-np.inf, 0, -np.inf]


def test_a_high_temperature_approaches_uniform():
    logits = random_logits(1, vocab=10, rows=1)[0]
    far = [np.abs(sampling.softmax(logits, t) - 0.1).max() for t in (1, 10, 100, 1e4, 1e8)]
    assert far == sorted(far, reverse=True) and far[-1] < 1e-7
    entropies = [sampling.entropy(sampling.softmax(logits, t)) for t in (0.1, 0.5, 1, 2, 10, 1e8)]
    assert entropies == sorted(entropies) and entropies[-1] == pytest.approx(np.log2(10))


def test_log_softmax_stays_finite_where_probabilities_are_0():
    logits = [0.0, -2000.0]
    assert sampling.softmax(logits).tolist() == [1.0, 0.0]
    assert sampling.log_softmax(logits).tolist() == [0.0, -2000.0]


def test_one_logit_is_certain():
    assert sampling.softmax([-1e308]).tolist() == sampling.greedy([5]).tolist() == [1.0]
    assert sampling.top_k([5], 1).tolist() == sampling.top_p([5], 0.1).tolist() == [5.0]


def test_the_input_is_not_changed():
    logits = random_logits(2)
    before = logits.copy()
    for changed in (sampling.top_p(logits, 1), sampling.top_k(logits, 3)):
        changed[:] = 0
    sampling.softmax(logits, 0.5)
    np.testing.assert_array_equal(logits, before)


# ---- greedy, top-k, top-p ---------------------------------------------------------------------


@given(ROW)
def test_greedy_is_argmax_the_first_one_if_tied(logits):
    p = sampling.greedy(logits)
    assert p.sum() == 1 and p[np.argmax(logits)] == 1


@settings(max_examples=60)
@given(ROW, st.data())
def test_top_k_is_the_first_k_of_a_stable_sort(logits, data):
    """Exactly k survive, ties or not; of equal logits the earlier ones."""
    k = data.draw(st.integers(1, len(logits)))
    best = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[:k]
    expected = [z if i in best else -np.inf for i, z in enumerate(logits)]
    assert sampling.top_k(logits, k).tolist() == expected


def test_top_k_keeps_exactly_k_of_ties_where_transformers_keeps_all():
    logits = np.array([1.0, 2.0, 2.0, 2.0, 0.0])
    assert sampling.top_k(logits, 2).tolist() == [-np.inf, 2, 2, -np.inf, -np.inf]
    theirs = TopKLogitsWarper(2)(None, torch.tensor(logits)[None])[0]
    assert torch.isfinite(theirs).sum() == 3


@settings(max_examples=60)
@given(ROW, st.floats(0.001, 1))
def test_top_p_is_the_smallest_set_of_best_tokens_that_reaches_p(logits, p):
    kept = np.isfinite(sampling.top_p(logits, p))
    probabilities = sampling.softmax(logits)
    mass = probabilities[kept].sum()
    assert kept[np.argmax(logits)]
    assert mass >= p - 1e-9
    if p < 1:
        assert mass - probabilities[kept].min() < p + 1e-9  # without its worst it falls short
        assert probabilities[~kept].max(initial=0) <= probabilities[kept].min()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "name, values",
    [
        ("temperature", (0.1, 0.7, 1.0, 3.0)),
        ("top_k", (1, 2, 17, 200)),
        ("top_p", (0.05, 0.5, 0.95)),
    ],
)
def test_equal_to_the_logits_processors_of_transformers(name, values, seed, dtype):
    """Same survivors, same probabilities."""
    logits = random_logits(seed, dtype=dtype)
    for value in values:
        if name == "temperature":
            processor, ours = TemperatureLogitsWarper(value), logits
            probabilities = sampling.softmax(logits, value)
        else:
            processor = {"top_k": TopKLogitsWarper, "top_p": TopPLogitsWarper}[name](value)
            ours = getattr(sampling, name)(logits, value)
            probabilities = sampling.softmax(ours)
        theirs = processor(None, torch.tensor(logits))
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs.numpy()))
        assert np.abs(probabilities - theirs.softmax(-1).numpy()).max() <= 1e-6


@pytest.mark.parametrize("vocab", [200, 100_000])
def test_the_three_in_a_row_equal_transformers(vocab):
    """In transformers' order: temperature, then top-k, then top-p."""
    logits = random_logits(9, vocab=vocab)
    ours = sampling.softmax(sampling.top_p(sampling.top_k(logits / 0.7, 40), 0.9))
    theirs = torch.tensor(logits)
    for processor in (TemperatureLogitsWarper(0.7), TopKLogitsWarper(40), TopPLogitsWarper(0.9)):
        theirs = processor(None, theirs)
    np.testing.assert_array_equal(ours > 0, np.isfinite(theirs.numpy()))
    assert np.abs(ours - theirs.softmax(-1).numpy()).max() <= 1e-6


def test_a_vocabulary_of_100_000_words():
    logits = random_logits(3, vocab=100_000, rows=1)[0]
    assert np.isfinite(sampling.top_k(logits, 50)).sum() == 50
    kept = np.isfinite(sampling.top_p(logits, 0.9))
    theirs = torch.isfinite(TopPLogitsWarper(0.9)(None, torch.tensor(logits)[None])[0])
    np.testing.assert_array_equal(kept, theirs)


# ---- entropy and drawing ----------------------------------------------------------------------


@given(arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1)).filter(np.any))
def test_entropy_equals_scipy(weights):
    p = weights / weights.sum()
    assert sampling.entropy(p) == pytest.approx(scipy.stats.entropy(p, base=2), abs=1e-9)


def test_entropy_from_certain_to_uniform():
    assert str(sampling.entropy([0.0, 1.0, 0.0])) == "0.0"  # not -0.0, and 0 log 0 is 0
    assert sampling.entropy(np.full(8, 1 / 8)) == 3
    assert sampling.entropy([[0.5, 0.5], [1.0, 0.0]]).tolist() == [1.0, 0.0]


def test_frequencies_follow_the_probabilities():
    p = np.array([0.5, 0.0, 0.25, 0.15, 0.1, 0.0])
    ids = sampling.sample(p, 20_000, rng=0)
    assert ids.shape == (20_000,) and ids.dtype == np.int64
    counts = np.bincount(ids, minlength=6)
    assert (counts[p == 0] == 0).all()
    assert scipy.stats.chisquare(counts[p > 0], 20_000 * p[p > 0]).pvalue > 0.01


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.sampled_from([0, 0, 1e-300, 1e-9, 0.3, 1])),
    st.integers(0, 2**32),
)
def test_impossible_tokens_are_never_drawn(weights, seed):
    if weights.sum() < 1e-12:
        weights = np.append(weights, 1.0)
    ids = sampling.sample(weights / weights.sum(), 50, rng=seed)
    assert (weights[ids] > 0).all()


class Extreme(np.random.Generator):
    """Draws the smallest and the largest number that a uniform generator can give."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def random(self, n):
        return np.array([0.0, 1 - 2**-53] * (n // 2))


@pytest.mark.parametrize("scale", [1, 1 - 9e-5, 1 + 9e-5])
def test_the_edges_of_the_unit_interval_draw_possible_tokens(scale):
    """Even where rounding leaves the sum a little beside 1."""
    p = np.array([0.0, 0.1, 0.2, 0.7, 0.0]) * scale
    assert sampling.sample(p, 2, Extreme()).tolist() == [1, 3]


def test_seeds_reproduce_and_a_generator_goes_on():
    p = sampling.softmax(random_logits(4, rows=1)[0])
    assert sampling.sample(p, 50, 7).tolist() == sampling.sample(p, 50, 7).tolist()
    assert sampling.sample(p, 50, 7).tolist() != sampling.sample(p, 50, 8).tolist()
    rng = np.random.default_rng(7)
    two = [sampling.sample(p, 25, rng), sampling.sample(p, 25, rng)]
    assert np.concatenate(two).tolist() == sampling.sample(p, 50, 7).tolist()


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, -1, 4, 2.0, 1.5, True, "2", None])
def test_top_k_must_be_a_whole_number_within_the_vocabulary(k):
    with pytest.raises(ValueError, match=f"top_k must be a whole number from 1 to 3 .*; got {k}"):
        sampling.top_k([1.0, 2.0, 3.0], k)


def test_a_numpy_integer_is_a_whole_number():
    assert np.isfinite(sampling.top_k([1.0, 2.0, 3.0], np.int64(2))).sum() == 2


@pytest.mark.parametrize("one", [np.float32, np.array, torch.tensor])
def test_a_temperature_may_be_an_array_of_one_number(one):
    assert sampling.softmax([1, 3], one(2.0)).round(2).tolist() == [0.27, 0.73]


@pytest.mark.parametrize("temperature", ["1", None, True, [1.0], np.array([1.0])])
def test_a_temperature_is_one_number(temperature):
    with pytest.raises(ValueError, match="temperature must be a finite number above 0; got "):
        sampling.softmax([1, 3], temperature)


def test_logits_may_be_bfloat16():
    assert sampling.softmax(torch.tensor([1, 3]).bfloat16()).round(2).tolist() == [0.12, 0.88]


@pytest.mark.parametrize("temperature", [0, 0.0, -1, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("function", [sampling.softmax, sampling.log_softmax])
def test_temperature_must_be_finite_and_above_0(function, temperature):
    with pytest.raises(ValueError, match="finite number above 0; got .* use greedy") as error:
        function([1.0, 3.0], temperature)
    assert f"got {temperature}" in str(error.value)


@pytest.mark.parametrize("p", [0, -0.1, 1.01, np.nan])
def test_top_p_must_be_a_share(p):
    with pytest.raises(ValueError, match="top_p must be above 0 and at most 1; got"):
        sampling.top_p([1.0, 3.0], p)


TAKES_LOGITS = {
    "softmax": sampling.softmax,
    "log_softmax": sampling.log_softmax,
    "greedy": sampling.greedy,
    "top_k": lambda logits: sampling.top_k(logits, 1),
    "top_p": lambda logits: sampling.top_p(logits, 0.5),
}


@pytest.mark.parametrize("name", TAKES_LOGITS)
class TestBadLogits:
    def test_all_forbidden(self, name):
        with pytest.raises(ValueError, match="all logits are -inf: every token is forbidden"):
            TAKES_LOGITS[name]([[1.0, 2.0], [-np.inf, -np.inf]])

    def test_nan(self, name):
        with pytest.raises(ValueError, match=r"logits hold NaN \(first at index \[1, 2\]\)"):
            TAKES_LOGITS[name]([[1.0, 2.0, 3.0], [1.0, 2.0, np.nan]])

    def test_nan_beside_infinities(self, name):
        with pytest.raises(ValueError, match=r"logits hold NaN \(first at index \[1\]\)"):
            TAKES_LOGITS[name]([np.inf, np.nan, -np.inf])

    def test_plus_infinity(self, name):
        with pytest.raises(ValueError, match=r"logits hold \+inf"):
            TAKES_LOGITS[name]([1.0, np.inf])

    @pytest.mark.parametrize("empty", [[], [[], []], 3.0])
    def test_no_logit(self, name, empty):
        with pytest.raises(ValueError, match="with at least one logit; got"):
            TAKES_LOGITS[name](empty)


@pytest.mark.parametrize("function", [sampling.entropy, sampling.sample])
class TestBadProbabilities:
    @pytest.mark.parametrize("bad", [[0.5, 0.6], [1.0, 3.0], [0.0, 0.0], []])
    def test_not_summing_to_1(self, function, bad):
        with pytest.raises(ValueError, match="must sum to 1: apply softmax to logits first"):
            function(bad)

    @pytest.mark.parametrize("bad", [[1.5, -0.5], [np.nan, 1.0], 1.0 - 2])
    def test_negative_or_nan(self, function, bad):
        with pytest.raises(ValueError, match="none negative and none NaN"):
            function(bad)


def test_sample_wants_one_row_and_at_least_one_draw():
    with pytest.raises(ValueError, match=r"one row \(vocab,\); got \(2, 2\)"):
        sampling.sample([[0.5, 0.5], [1.0, 0.0]])
    with pytest.raises(ValueError, match="n must be at least 1; got 0"):
        sampling.sample([1.0], 0)
