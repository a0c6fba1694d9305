"""One check for all texts that a reader hands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set


def check_texts(texts: Sequence[str]) -> list[str]:
    """``texts`` as a list of non-empty strings, in their order.

    A list, tuple, generator, pandas Series or numpy array of strings is read by position. Raises
    TypeError or ValueError that names the text and says what is wrong with it.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings; for one sentence write [sentence]")
    # a table would give its column names, a dict its keys, a set any order
    if isinstance(texts, Mapping | Set) or hasattr(texts, "columns"):
        raise TypeError(
            f"texts must be a list of strings, not a {type(texts).__name__}: "
            'choose one column, such as table["text"], or write list(…) in the order you want'
        )
    # an array of one text without a dimension has "__iter__", and cannot be read
    if not hasattr(texts, "__iter__") or getattr(texts, "shape", None) == ():
        raise TypeError(f"texts must be a list of strings, not {texts!r}")
    texts = list(texts)
    if not texts:
        raise ValueError("texts is empty: give at least one sentence")
    for i, text in enumerate(texts):
        _check_text(f"texts[{i}]", text)
    return texts


def _check_text(place: str, text: str) -> None:
    """Raise an error that names the ``place`` unless the text is a string with some words."""
    if not isinstance(text, str):
        raise TypeError(f"{place} is {type(text).__name__}, not a string: {text!r}")
    if not text.strip():
        raise ValueError(f"{place} is empty: drop it or give it words")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place} has a broken character at position {error.start}: {text!r}; read its file "
            "again with the right encoding, or drop the character"
        ) from None
