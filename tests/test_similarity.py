"""Cosine similarity against scikit-learn, a slow loop, and awkward vectors."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

from course_utils.similarity import cosine_similarity, normalize, pairwise_cosine

ordinary = st.floats(-1e3, 1e3).map(lambda x: 0.0 if abs(x) < 1e-3 else x)
two_sides = st.integers(1, 6).flatmap(
    lambda dim: st.tuples(
        *(arrays(np.float64, st.tuples(st.integers(1, 5), st.just(dim)), elements=ordinary),) * 2
    )
)


def slow_cosine(a, b):
    """One pair, in plain Python with exact sums; 0 where a side has no direction."""
    dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
    lengths = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(y * y for y in b))
    return dot / lengths if lengths else 0.0


@given(two_sides)
def test_equal_to_scikit_learn_and_to_a_slow_loop(sides):
    a, b = sides
    ours = cosine_similarity(a, b)
    slow = [[slow_cosine(x, y) for y in b.tolist()] for x in a.tolist()]
    np.testing.assert_allclose(ours, sklearn_cosine(a, b), atol=1e-12)
    np.testing.assert_allclose(ours, slow, atol=1e-12)
    assert (np.abs(ours) <= 1).all()


@given(two_sides)
def test_pairs_are_the_diagonal_of_the_matrix(sides):
    n = min(len(side) for side in sides)
    a, b = (side[:n] for side in sides)
    np.testing.assert_allclose(pairwise_cosine(a, b), np.diag(cosine_similarity(a, b)), atol=1e-12)


def test_float32_embeddings_stay_float32_and_are_close():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(n, 384)).astype(np.float32) for n in (20, 30))
    ours = cosine_similarity(a, b)
    assert ours.shape == (20, 30) and ours.dtype == np.float32
    assert np.abs(ours - sklearn_cosine(a.astype(float), b.astype(float))).max() <= 1e-6


def test_a_zero_vector_has_similarity_0_never_nan():
    zero, other = [[0.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]]
    assert cosine_similarity(zero, other).tolist() == [[0.0, 0.0]]
    assert pairwise_cosine(zero, zero).tolist() == [0.0]
    assert normalize(zero).tolist() == zero


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-30, 1.0, 1e30, 1e200, 1e308])
def test_only_the_direction_counts_however_huge_or_small(size):
    a, b = np.array([[1.0, 0.0], [1.0, 1.0]]) * size, [[0.0, 2.0], [5.0, 5.0]]
    expected = [[0.0, math.sqrt(0.5)], [math.sqrt(0.5), 1.0]]
    np.testing.assert_allclose(cosine_similarity(a, b), expected, atol=1e-12)


def test_integers_are_vectors_too():
    assert cosine_similarity([[3, 4]], [[4, 3], [-3, -4]]).tolist() == [[0.96, -1.0]]
    small = np.array([[100, 100]], dtype=np.int8)  # 100 * 100 does not fit into int8
    np.testing.assert_allclose(cosine_similarity(small, small), [[1.0]])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_tensors_of_every_precision_are_vectors_too(dtype):
    a = torch.randn(20, 384, generator=torch.Generator().manual_seed(0)).to(dtype)
    found, wanted = cosine_similarity(a, a), sklearn_cosine(a.double().numpy())
    assert found.dtype == np.float32 and np.abs(found - wanted).max() <= 1e-6


def test_the_input_is_not_changed():
    a = np.array([[3.0, 4.0]])
    normalize(a)
    assert a.tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("function", [cosine_similarity, pairwise_cosine])
def test_nan_and_infinity_are_refused(function, bad):
    with pytest.raises(ValueError, match="vectors hold NaN or infinity"):
        function([[1.0, bad]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="vectors hold NaN or infinity"):
        function([[1.0, 2.0]], [[1.0, bad]])


def test_two_encoders_are_refused():
    message = "50 and 384 dimensions: encode both sides with the same encoder"
    with pytest.raises(ValueError, match=message):
        cosine_similarity(np.ones((2, 50)), np.ones((3, 384)))


def test_one_vector_instead_of_rows_is_refused():
    with pytest.raises(ValueError, match=r"must be \(n, dim\), one row a sentence; got \(3,\)"):
        cosine_similarity([1.0, 2.0, 3.0], [[1.0, 2.0, 3.0]])


def test_pairs_need_one_shape():
    with pytest.raises(ValueError, match=r"one shape; got \(2, 3\) and \(4, 3\)"):
        pairwise_cosine(np.ones((2, 3)), np.ones((4, 3)))
