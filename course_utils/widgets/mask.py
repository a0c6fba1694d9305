"""The word under ``[MASK]``: the mask explorer."""

from __future__ import annotations

import ipywidgets as w

from course_utils import masked, plots
from course_utils.widgets import parts


def mask_candidates(sentence: str, count: int) -> list[masked.Candidate]:
    """The ``count`` best words of course-bert for the one ``[MASK]`` in the sentence.

    Raises the same errors as ``checked`` and ``masked.fill_mask``.
    """
    return masked.fill_mask(parts.checked(sentence), top_k=count)


def candidates_html(candidates) -> str:
    """Candidates as an HTML table of bars, and what all other words have together."""
    color = plots.COLORS["course-bert"]
    bars = [(c.word, c.probability, f"{c.probability:.1%}", color) for c in candidates]
    rest = max(0.0, 1 - sum(c.probability for c in candidates))
    return parts.bar_table(bars, 17) + parts.note(f"all other words together: <b>{rest:.1%}</b>")


def mask_explorer(sentence: str):
    """A field for a sentence with one ``[MASK]`` and a slider: the best words for the gap.

    Displays itself and returns the ipywidgets box. Raises the same errors as ``mask_candidates``.
    """
    candidates = mask_candidates(sentence, 8)
    typed = parts.text_field(sentence, "sentence")
    count = w.IntSlider(value=8, min=1, max=20, description="candidates")
    picture = w.HTML()

    def draw():
        return candidates_html(mask_candidates(typed.value, count.value))

    parts.follow((typed, count), picture, draw)
    box = w.VBox([typed, count, picture])
    fig, ax = plots.plt.subplots(figsize=(8, 4))
    words, _, probabilities = zip(*candidates, strict=True)
    plots.bars(ax, words, probabilities, plots.COLORS["course-bert"])
    ax.set_title(sentence, parse_math=False)
    ax.set_xlabel("probability")
    plots.show(fig, f"Mask explorer: the best words for “{sentence}”", widget=box)
    return box
