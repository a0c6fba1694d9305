"""The encoders that the checks ask, each loaded once."""

from __future__ import annotations

import functools

from course_utils import encoders
from course_utils.exercises.feedback import Hint
from course_utils.similarity import cosine_similarity


@functools.cache
def encoder(name: str):
    """``encoders.load(name)``, kept for the next check."""
    return encoders.load(name)


def cosines_with_first(name: str, texts: dict[str, str]) -> list[float]:
    """Cosine of the first text with each of the others by one encoder.

    ``texts`` is ``{what the student calls it: text}``. Raises Hint for a text that the encoder
    cannot read, with that name.
    """
    vectors = []
    for role, text in texts.items():
        try:
            vectors.append(encoder(name).encode([text])[0])
        except ValueError:
            raise Hint(
                f"{name} knows none of the words of `{role}`, “{text}”: write an English sentence."
            ) from None
    return cosine_similarity(vectors[:1], vectors[1:])[0].tolist()
