"""Long texts, cut into chunks before they are encoded; the course's notebooks as an example."""

from __future__ import annotations

import json
import re
from pathlib import Path

HEADING = re.compile(r"^(#{1,6}) +(.*)", re.MULTILINE)


def chunks(words: list[str], size: int, overlap: int) -> list[str]:
    """Texts of ``size`` words; each begins with the last ``overlap`` words of the one before.

    Every word is in a piece, and the last piece may be shorter. ValueError unless
    ``0 <= overlap < size``.

    >>> chunks(["a", "b", "c", "d", "e"], 3, 1)
    ['a b c', 'c d e']
    """
    if not 0 <= overlap < size:
        raise ValueError(f"0 <= overlap < size, or the pieces never move on; got {overlap}, {size}")
    # the last piece starts before the last `overlap` words: they are in the piece before
    starts = range(0, max(1, len(words) - overlap), size - overlap)
    return [" ".join(words[start : start + size]) for start in starts]


def read_lesson(path: str | Path) -> list[tuple[str, str]]:
    """A notebook's Markdown in pieces from heading to heading: pairs of headings and text.

    The headings are those that the text is under, such as "3. Attention › Query, key, value".
    Links and tags are left out, and so are the instructor's notes.
    """
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    shown = [
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "markdown"
        and cell["metadata"].get("slideshow", {}).get("slide_type") != "notes"
    ]
    # without the address of a link and without HTML tags
    text = re.sub(r"\]\([^)]*\)|</?\w[^>]*>", " ", "\n\n".join(shown)).replace("[", "")
    # text, marks, heading, text, marks, heading, text, …
    _, *parts = HEADING.split(text)
    found, above = [], {}  # above: the headings in force, by level
    for marks, heading, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        level = len(marks)
        above = {other: name for other, name in above.items() if other < level}
        above[level] = heading.strip()
        found.append((" › ".join(above[level] for level in sorted(above)), body.strip()))
    return found
