"""Indexes for banks that exact search is too slow for: FAISS on one machine, Qdrant on many.

All of them are used as ``search.Index`` is, and follow the same rules: ``build`` → ``add`` →
``search`` → ``save`` / ``load``, the same hits, ids, threshold and errors. And what searching with
short vectors and long texts needs: ``compressed``, ``long_texts``, and ``compare``, which measures.
"""

from course_utils.engines.approximate import FaissIndex, HnswIndex, IvfPqIndex
from course_utils.engines.qdrant import QdrantIndex

__all__ = ["FaissIndex", "HnswIndex", "IvfPqIndex", "QdrantIndex"]
