"""The related-questions search box: the most similar questions follow as you type."""

from __future__ import annotations

from html import escape
from textwrap import shorten

import ipywidgets as w

from course_utils import plots
from course_utils.widgets import parts


def hits_html(hits) -> str:
    """Search results as an HTML list, best first; a plain sentence when there are none."""
    if not hits:
        return "<p>No match: nothing in the bank reaches the threshold.</p>"
    rows = "".join(
        f'<tr><td style="padding:1px 10px 1px 0">{hit.score:.2f}</td><td style="width:130px">'
        f"{parts.bar(max(hit.score, 0), plots.COLORS['query'], f'cosine {hit.score:.2f}', 12)}"
        f'</td><td style="padding-left:10px">{escape(hit.text)}</td></tr>'
        for hit in hits
    )
    return f'<table style="font-size:14px;line-height:1.5">{rows}</table>'


def search_box(index, question: str = "", top_k: int = 5, threshold: float = 0.0):
    """A box to type a question into: the most similar questions of ``index`` follow as you type.

    threshold: the cosine, 0 to 1, that the slider starts at (to two decimals) and a hit must have.
    Displays itself and returns the ipywidgets box. Raises ValueError for another threshold, and
    the same errors as ``index.search`` when the first ``question`` cannot be searched.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be from 0 to 1, as its slider is; got {threshold}")
    threshold = round(float(threshold), 2)  # what the slider reads is what is searched with
    text = parts.text_field(question, "question")
    text.continuous_update, text.placeholder = True, "Type a question …"
    most = min(20, len(index))
    count = w.IntSlider(value=min(top_k, most), min=1, max=most, description="top-k")
    limit = w.FloatSlider(value=threshold, min=0, max=1, step=0.01, description="threshold")
    results = w.HTML()

    def found():
        if not text.value.strip():
            return "<p>Type a question above.</p>"
        return hits_html(index.search(text.value, count.value, limit.value))

    parts.follow((text, count, limit), results, found)
    box = w.VBox([text, parts.row(count, limit), results])
    hits = index.search(question, count.value, threshold) if question else []
    figure = search_figure(question, hits, threshold)
    plots.show(figure, f"Search box: the questions closest to “{question}”", widget=box)
    return box


def search_figure(question: str, hits, threshold: float):
    """The hits as bars in a matplotlib figure, for places without a kernel."""
    fig, ax = plots.plt.subplots(figsize=(9, 1 + 0.4 * max(1, len(hits))))
    if hits:
        labels = [shorten(hit.text, 60, placeholder=" …") for hit in hits]
        plots.bars(ax, labels, [hit.score for hit in hits], plots.COLORS["query"])
    if threshold:
        ax.axvline(threshold, color=plots.COLORS["text"], linestyle=":")
    ax.set_title(f"“{question}”" if question else "Type a question …", parse_math=False)
    ax.set(xlabel="cosine", xlim=(0, 1))
    return fig
