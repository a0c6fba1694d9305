"""The helper package of the course: what the notebooks teach, as small tested functions.

The files at the top are the lessons: open one after a notebook. Each folder is for somebody else.

    datasets, encoders, pooling, attention, masked, language_model    text becomes vectors
    similarity, search, evaluation, plots       vectors are compared, found, judged, drawn
    objectives, training                        how a sentence transformer learns
    sampling                                    from logits to a word
    engines/       the same search with FAISS and Qdrant, for many texts
    widgets/       the notebooks' controls: one file a widget
    exercises/     checks of your answers, with a hint for each usual mistake
    pretraining/   how the course's own small BERT was made
    slides/        a notebook as slides       tools/   what make calls
    internal/      what the lessons stand on: read it last     assets/   data only

Importing the package loads nothing else: ``from course_utils import encoders``.
"""

import os

__version__ = "2026.12"

# Threads that wait for each other sleep instead of spinning: while the machine is busy with
# something else, training would take five times as long. Read when torch is loaded; kernels that
# the course starts inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
