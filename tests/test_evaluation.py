"""Evaluation against scipy, scikit-learn and slow loops."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils import evaluation

# Few distinct values, so that ties are common; and any ordinary numbers.
NUMBER = st.one_of(st.integers(0, 4).map(float), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
PAIRS = st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=25)


@given(st.lists(NUMBER, min_size=1, max_size=25))
def test_ranks_equal_scipy(values):
    assert evaluation.ranks(values).tolist() == scipy.stats.rankdata(values).tolist()


@given(PAIRS)
def test_correlations_equal_scipy(pairs):
    x, y = np.array(pairs).T
    assume(np.ptp(x) > 0 and np.ptp(y) > 0)
    assert evaluation.spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y)[0], abs=1e-9)
    assert evaluation.pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y)[0], abs=1e-7)
    assert evaluation.spearman(x, y) == pytest.approx(evaluation.spearman(y, x), abs=1e-12)


def test_correlations_by_hand():
    assert evaluation.spearman([1, 2, 3], [10, 20, 1000]) == 1.0
    assert evaluation.spearman([1, 2, 3], [5, 4, -9]) == -1.0
    assert evaluation.pearson([0, 1, 2, 3], [1, 3, 5, 7]) == 1.0
    assert evaluation.spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_pearson_does_not_depend_on_the_scale(size):
    x, y = np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 5.0])
    assert evaluation.pearson(x * size, y) == pytest.approx(evaluation.pearson(x, y), abs=1e-12)


@given(st.integers(2, 200), st.integers(0, 2**32))
def test_a_perfect_correlation_is_never_above_1(n, seed):
    x = np.random.default_rng(seed).normal(size=n)
    assert 1 - 1e-9 <= evaluation.pearson(x, 3 * x + 1) <= 1


@given(st.lists(st.tuples(*(st.sampled_from("ENC"),) * 2), min_size=1, max_size=30))
def test_accuracy_equals_scikit_learn(pairs):
    predicted, gold = map(list, zip(*pairs, strict=True))
    theirs = sklearn.metrics.accuracy_score(gold, predicted)
    assert evaluation.accuracy(predicted, gold) == pytest.approx(theirs)


def test_triplet_accuracy():
    anchor = [[1.0, 0.0]] * 4
    positive = [[1.0, 0.1], [0.0, 1.0], [2.0, 2.0], [0.0, 0.0]]
    negative = [[0.0, 1.0], [1.0, 0.1], [1.0, 1.0], [0.0, 3.0]]
    # right, wrong, tied (same direction), tied (a zero vector has cosine 0): ties are wrong
    assert evaluation.triplet_accuracy(anchor, positive, negative) == 0.25


def slow_first_hit(row, bank_groups, group):
    """Rank of the first right answer: one more than the entries that come before it."""
    ranks = [
        1 + sum(other > score or (other == score and j < i) for j, other in enumerate(row))
        for i, score in enumerate(row)
        if bank_groups[i] == group
    ]
    return min(ranks)


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**32))
def test_hits_recall_and_mrr_equal_a_slow_loop(q, n, seed):
    rng = np.random.default_rng(seed)
    similarities = rng.integers(0, 5, (q, n)) / 5  # many ties
    bank = [f"g{g}" for g in rng.integers(0, 4, n)]
    queries = rng.choice(bank, q)
    slow = [slow_first_hit(similarities[i], bank, queries[i]) for i in range(q)]
    hits = evaluation.rank_of_first_hit(similarities, bank, queries)
    assert hits.tolist() == slow
    for k in range(1, n + 1):
        share = sum(rank <= k for rank in slow) / q
        assert evaluation.recall_at_k(hits, k) == pytest.approx(share)
    assert evaluation.mrr(hits) == pytest.approx(sum(1 / rank for rank in slow) / q)


def test_ties_go_to_the_earlier_bank_entry():
    assert evaluation.rank_of_first_hit([[0.5, 0.5, 0.5]], ["x", "y", "y"], ["y"]).tolist() == [2]
    assert evaluation.rank_of_first_hit([[0.5, 0.5, 0.5]], ["y", "x", "x"], ["y"]).tolist() == [1]


@given(st.integers(1, 6), st.integers(2, 15), st.integers(1, 20), st.integers(0, 2**32))
def test_ndcg_equals_scikit_learn(q, n, k, seed):
    rng = np.random.default_rng(seed)
    similarities = rng.permuted(np.tile(np.linspace(-1, 1, n), (q, 1)), axis=1)  # no ties
    bank = rng.integers(0, 4, n)
    queries = rng.choice(bank, q)
    right = (bank == queries[:, None]).astype(int)
    theirs = sklearn.metrics.ndcg_score(right, similarities, k=k)
    assert evaluation.ndcg_at_k(similarities, bank, queries, k) == pytest.approx(theirs)


class TestBootstrap:
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)

    def test_contains_the_statistic_and_is_reproducible(self):
        low, high = evaluation.bootstrap_interval(evaluation.spearman, self.x, self.y, n=300)
        assert low < evaluation.spearman(self.x, self.y) < high
        again = evaluation.bootstrap_interval(evaluation.spearman, self.x, self.y, n=300)
        other = evaluation.bootstrap_interval(evaluation.spearman, self.x, self.y, n=300, seed=1)
        assert again == (low, high) != other

    def test_agrees_with_the_standard_error_of_a_mean(self):
        low, high = evaluation.bootstrap_interval(np.mean, self.x, n=2000)
        error = self.x.std() / np.sqrt(60)
        assert low == pytest.approx(self.x.mean() - 1.96 * error, abs=0.25 * error)
        assert high == pytest.approx(self.x.mean() + 1.96 * error, abs=0.25 * error)

    def test_a_higher_level_is_wider(self):
        narrow = evaluation.bootstrap_interval(np.mean, self.x, n=500, level=0.5)
        wide = evaluation.bootstrap_interval(np.mean, self.x, n=500, level=0.99)
        assert wide[0] < narrow[0] < narrow[1] < wide[1]

    def test_rows_are_drawn_together(self):
        """Each column by itself would tear the pairs apart."""
        equal = evaluation.bootstrap_interval(evaluation.accuracy, self.x, self.x, n=50)
        assert equal == (1.0, 1.0)

    def test_refuses_columns_of_different_lengths(self):
        with pytest.raises(ValueError, match=r"equally long.*got \[59, 60\]"):
            evaluation.bootstrap_interval(evaluation.pearson, self.x[1:], self.y)

    @pytest.mark.parametrize("n", [3, 4, 5, 6, 8, 10])
    def test_few_rows_have_an_interval(self, n):
        """A draw may hold one row n times: its correlation is not defined, and is left out."""
        for seed in range(4):
            x, y = np.random.default_rng(seed).normal(size=(2, n))
            low, high = evaluation.bootstrap_interval(evaluation.spearman, x, y, n=200, seed=seed)
            assert -1 <= low <= high <= 1
            # the same from a statistic that gives NaN where it is not defined
            assert evaluation.bootstrap_interval(
                lambda a, b: np.nan if np.ptp(a) == 0 else evaluation.spearman(a, b),
                x, y, n=200, seed=seed,
            ) == (low, high)  # fmt: skip

    def test_left_out_draws_are_drawn_again(self):
        kept = []

        def odd(x):
            if x.sum() % 2 == 0:
                raise ValueError("not defined")
            kept.append(x.sum())
            return kept[-1]

        x = np.arange(7)  # their sum is odd
        interval = evaluation.bootstrap_interval(odd, x, n=48, level=0.9)
        assert len(kept) == 1 + 48  # the columns themselves come first
        assert interval == tuple(np.quantile(kept[1:], [0.05, 0.95]))

    def test_too_few_rows(self):
        def only_whole(x):
            if len(set(x)) < 12:
                raise ValueError("not defined")
            return 1.0

        with pytest.raises(ValueError, match="12 rows are too few: .* for 0 of 100 draws"):
            evaluation.bootstrap_interval(only_whole, range(12), n=10)

    @pytest.mark.parametrize("y, message", [([1, 1, 1], "constant"), ([1, 2, np.nan], "NaN")])
    def test_an_error_about_the_readers_own_data(self, y, message):
        with pytest.raises(ValueError, match=message):
            evaluation.bootstrap_interval(evaluation.spearman, [1, 2, 3], y)
        with pytest.raises(ValueError, match="the statistic of these columns is NaN"):
            evaluation.bootstrap_interval(np.mean, [1, np.nan])

    @pytest.mark.parametrize("options", [{"n": 0}, {"level": 0}, {"level": 1}, {"level": 95}])
    def test_refuses_settings(self, options):
        with pytest.raises(ValueError, match="n must be 1 or more and level between 0 and 1"):
            evaluation.bootstrap_interval(np.mean, [1, 2], **options)

    @pytest.mark.parametrize("column", [[], {1, 2}, {"a": 1}, "ab", 3])
    def test_refuses_what_is_no_list(self, column):
        with pytest.raises(ValueError, match="columns must be equally long and not empty"):
            evaluation.bootstrap_interval(np.mean, column)


@pytest.mark.parametrize("function", [evaluation.pearson, evaluation.spearman])
class TestBadCorrelations:
    @pytest.mark.parametrize("x, y", [([1, 2, 3], [1, 2]), ([1], [1]), ([], [])])
    def test_lengths(self, function, x, y):
        message = f"two equally long lists of 2 or more; got {len(x)}, {len(y)}"
        with pytest.raises(ValueError, match=message):
            function(x, y)

    def test_a_constant_side(self, function):
        with pytest.raises(ValueError, match="one side is constant"):
            function([1, 1, 1], [1, 2, 3])

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_no_number(self, function, bad):
        with pytest.raises(ValueError, match="must be a list of numbers without NaN"):
            function([1, 2, 3], [1, bad, 3])

    def test_a_matrix(self, function):
        with pytest.raises(ValueError, match=r"must be a list of numbers.*got shape \(2, 2\)"):
            function([[1, 2], [3, 4]], [1, 2])


@pytest.mark.parametrize(
    "predicted, gold", [(["a"], ["a", "b"]), ([], []), ("ab", "ab"), ({1, 2}, {1, 2}), (1, 1)]
)
def test_accuracy_needs_equally_long_lists(predicted, gold):
    with pytest.raises(ValueError, match="need two equally long lists; got"):
        evaluation.accuracy(predicted, gold)


def test_accuracy_refuses_names_compared_with_numbers():
    with pytest.raises(ValueError, match="one list holds names, the other numbers"):
        evaluation.accuracy([0, 1], ["0", "1"])


@pytest.mark.parametrize("missing", [np.nan, None])
def test_accuracy_refuses_missing_labels(missing):
    for pair in ([[1, missing], [1, 2]], [[1, 2], [1, missing]]):
        with pytest.raises(ValueError, match="a label is missing"):
            evaluation.accuracy(*pair)


@pytest.mark.parametrize("hits", [[0, 1], [-1], [1, np.nan], [1.5], [[1, 2]], ["1"], [True]])
@pytest.mark.parametrize("score", [evaluation.mrr, lambda hits: evaluation.recall_at_k(hits, 1)])
def test_what_is_no_rank_is_refused(score, hits):
    with pytest.raises(ValueError, match="ranks must be a list of whole numbers from 1"):
        score(hits)


def test_first_hit_errors():
    with pytest.raises(ValueError, match="similarities hold NaN"):
        evaluation.rank_of_first_hit([[np.nan, np.nan, 0.2]], ["a", "b", "c"], ["c"])
    with pytest.raises(ValueError, match=r"\(queries, bank\) = \(1, 2\); got \(2, 1\)"):
        evaluation.rank_of_first_hit([[0.1], [0.2]], ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="the bank holds nothing of group 'c': leave such"):
        evaluation.rank_of_first_hit([[0.1, 0.2]] * 2, ["a", "b"], ["a", "c"])


def test_recall_errors():
    with pytest.raises(ValueError, match="k must be at least 1; got 0"):
        evaluation.recall_at_k([1, 2], 0)
    with pytest.raises(ValueError, match="k must be at least 1; got 0"):
        evaluation.ndcg_at_k([[1.0]], ["a"], ["a"], 0)
    with pytest.raises(ValueError, match="k must be a whole number; got 1.5"):
        evaluation.recall_at_k([1, 2], 1.5)


@pytest.mark.parametrize("score", [evaluation.mrr, lambda hits: evaluation.recall_at_k(hits, 1)])
def test_a_mean_over_no_query_is_refused(score):
    with pytest.raises(ValueError, match="no queries"):
        score([])


def test_a_mean_over_no_triplet_is_refused():
    none = np.empty((0, 4))
    with pytest.raises(ValueError, match="equally long lists"):
        evaluation.triplet_accuracy(none, none, none)
