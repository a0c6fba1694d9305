"""How close two sentence vectors point: cosine similarity, as a matrix and pair by pair.

``cos(a, b) = a · b / (|a| |b|)``, between -1 and 1. A zero vector has no direction; its
similarity to anything is defined here as 0 (scikit-learn's rule), never NaN.
"""

from __future__ import annotations

import numpy as np

from course_utils.internal.checks import as_array


def normalize(vectors) -> np.ndarray:
    """Each row of ``vectors (n, d)`` divided by its length; zero rows stay zero. Float array.

    Raises ValueError when the input is not two-dimensional or holds NaN or infinity.
    """
    vectors = as_array(vectors)
    # whole numbers become float64; float32 stays float32, and float16 is too coarse to add up
    if vectors.dtype == np.float16:
        vectors = vectors.astype(np.float32)
    if not np.issubdtype(vectors.dtype, np.floating):
        vectors = vectors.astype(np.float64)
    if vectors.ndim != 2:
        raise ValueError(f"vectors must be (n, dim), one row a sentence; got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold NaN or infinity: look at what produced them")
    # divide each row by its largest value first, so that the squares below stay finite: (n, d)
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled = vectors / np.where(largest > 0, largest, 1)
    # then by its length, (n, 1); a zero row has none and is divided by 1
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(lengths > 0, lengths, 1)


def cosine_similarity(a, b) -> np.ndarray:
    """Cosine of every row of ``a (n, d)`` with every row of ``b (m, d)``: ``(n, m)``.

    Raises ValueError when the dimensions differ (vectors of two different encoders?).

    >>> cosine_similarity([[1.0, 0.0]], [[2.0, 0.0], [0.0, 5.0], [-3.0, 0.0]]).tolist()
    [[1.0, 0.0, -1.0]]
    """
    # all vectors get the length 1: (n, d) and (m, d)
    a, b = normalize(a), normalize(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"vectors have {a.shape[1]} and {b.shape[1]} dimensions: encode both sides with the "
            "same encoder"
        )
    # then the cosine is the dot product, of each with each: (n, d) @ (d, m) -> (n, m)
    cosines = a @ b.T
    # rounding can give 1.0000001
    return np.clip(cosines, -1, 1)


def pairwise_cosine(a, b) -> np.ndarray:
    """Cosine of row i of ``a (n, d)`` with row i of ``b (n, d)``: ``(n,)``.

    Raises ValueError when the shapes differ.
    """
    # all vectors get the length 1: (n, d)
    a, b = normalize(a), normalize(b)
    if a.shape != b.shape:
        raise ValueError(f"pairs need two arrays of one shape; got {a.shape} and {b.shape}")
    # one dot product for each row: (n, d) -> (n,)
    cosines = (a * b).sum(axis=1)
    return np.clip(cosines, -1, 1)
