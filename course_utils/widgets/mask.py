"""The word under ``[MASK]``: the mask explorer."""

from __future__ import annotations

from html import escape

from course_utils import masked, plots
from course_utils.widgets import parts


def mask_candidates(sentence: str, count: int) -> list[masked.Candidate]:
    """The ``count`` best words of course-bert for the one ``[MASK]`` in the sentence.

    Raises ValueError as ``checked`` and ``masked.fill_mask``.
    """
    return masked.fill_mask(parts.checked(sentence), top_k=count)


def candidates_html(candidates) -> str:
    """Candidates as an HTML table of bars, and what all other words have together."""
    rows = "".join(
        f'<tr><td style="text-align:right;padding:0 10px">{escape(c.word)}</td>'
        '<td style="white-space:nowrap"><div style="display:inline-block;vertical-align:middle;'
        f"height:20px;min-width:2px;width:{500 * c.probability:.1f}px;"
        f'background:{plots.COLORS["course-bert"]}"></div>'
        f' <span class="probability">{c.probability:.1%}</span></td></tr>'
        for c in candidates
    )
    rest = max(0.0, 1 - sum(c.probability for c in candidates))
    return (
        f'<table style="font-size:17px;line-height:1.45">{rows}</table>'
        f'<p style="font-size:17px;margin:6px 0">all other words together: <b>{rest:.1%}</b></p>'
    )


def mask_explorer(sentence: str):
    """A field for a sentence with one ``[MASK]`` and a slider: the best words for the gap.

    Displays itself and returns the ipywidgets box. Raises as ``mask_candidates``.
    """
    import ipywidgets as w

    candidates = mask_candidates(sentence, 8)
    typed = parts.text_field(sentence, "sentence")
    count = w.IntSlider(value=8, min=1, max=20, description="candidates")
    picture = w.HTML()
    parts.follow(
        (typed, count),
        picture,
        lambda: candidates_html(mask_candidates(typed.value, count.value)),
    )
    box = w.VBox([typed, count, picture])
    fig, ax = plots.plt.subplots(figsize=(8, 4))
    words, _, probabilities = zip(*candidates, strict=True)
    plots.bars(ax, words, probabilities, plots.COLORS["course-bert"])
    ax.set_title(sentence, parse_math=False)
    ax.set_xlabel("probability")
    plots.show(fig, f"Mask explorer: the best words for “{sentence}”", widget=box)
    return box
