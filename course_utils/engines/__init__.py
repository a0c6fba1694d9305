"""Indexes for banks that exact search is too slow for: FAISS on one machine, Qdrant on many."""

from course_utils.engines.approximate import FaissIndex, HnswIndex, IvfPqIndex
from course_utils.engines.qdrant import QdrantIndex

__all__ = ["FaissIndex", "HnswIndex", "IvfPqIndex", "QdrantIndex"]
