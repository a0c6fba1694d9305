"""What the sampling explorer shows: probabilities after temperature and cuts, as bars.

Plain functions; ``sampler`` has the controls, ``writing`` the button that writes on. Bars are drawn
as HTML, which is fast enough to follow a slider. Text that a person typed, or that comes from data,
is always escaped.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np

from course_utils import language_model, masked, plots, sampling
from course_utils.widgets import parts

BEGINNING = "Once upon a time there was a"
MASK = "[MASK]"

DOZEN = {
    "mat": 4.2, "sofa": 3.9, "floor": 3.6, "roof": 2.9, "bed": 2.7, "chair": 2.5, "table": 2.1,
    "wall": 1.4, "keyboard": 0.8, "moon": -0.6, "tax": -2.0, "of": -3.1,
}  # fmt: skip


def example_logits() -> dict[str, tuple[list[str], np.ndarray]]:
    """Logits to play with, by name: ``(words, logits (vocab,))``. All but the first are made up."""
    rng = np.random.default_rng(0)
    vocab = 100_000
    large = 9.0 - 1.1 * np.log(np.arange(1, vocab + 1)) + rng.normal(0, 0.5, vocab)
    return {
        "[1, 3], as in the notes": (["A", "B"], np.array([1.0, 3.0])),
        "The cat sat on the … (12 words)": (list(DOZEN), np.array(list(DOZEN.values()))),
        "100,000 words": ([f"word {i:,}" for i in range(1, vocab + 1)], np.sort(large)[::-1]),
    }


def text_logits(text: str) -> tuple[list[str], np.ndarray]:
    """Words and logits (vocab,) for a text: at its ``[MASK]``, or after its end without one.

    A gap is filled by course-bert, an end by the language model. Raises the same errors as
    ``masked.mask_logits`` and ``language_model.load``.
    """
    if MASK in text:
        return masked.mask_logits(text)
    return language_model.load().next_logits(text)


def asked(text: str) -> str:
    """Which model is asked for what, as HTML."""
    model = "course-bert fills" if MASK in text else "SmolLM2 goes on"
    return f"{model}: “<b>{escape(text)}{'' if MASK in text else ' …'}</b>”"


def apply_settings(
    logits, temperature: float, top_k: int, top_p: float, min_p: float = 0.0, bars: int = 12
) -> dict:
    """What the sampling explorer shows for ``logits (vocab,)``: temperature, top-k, top-p, min-p.

    Returns ``probabilities (vocab,)`` after all of them, ``shown`` (ids of the most probable
    tokens, at most ``bars``), ``kept`` (how many can still be drawn), ``mass`` (their share
    before anything was cut) and ``entropy`` in bits. Raises the same errors as the
    functions of ``sampling``.
    """
    full = sampling.softmax(logits, temperature)
    probabilities = sampling.next_probabilities(
        logits, temperature, top_k=top_k, top_p=top_p, min_p=min_p
    )
    kept = probabilities > 0
    return {
        "probabilities": probabilities,
        "shown": sampling.best_rows(np.asarray(logits), min(bars, len(full))),
        "kept": int(kept.sum()),
        "mass": float(full[kept].sum()),
        "entropy": float(sampling.entropy(probabilities)),
    }


def written(probability: float) -> str:
    """A probability to two digits; a small one, but not 0, to two digits that say something."""
    if not 0 < probability < 0.005:
        return f"{probability:.2f}"
    digits = 1 - math.floor(math.log10(probability))
    return f"{probability:.{digits}f}" if digits <= 6 else "< 0.000001"


def readable(word: str) -> str:
    """A token as one can read it: without the space before it; a line's end as a sign."""
    return word.strip() or {"": "(nothing)", " ": "(space)"}.get(word, "⏎")


def bars_html(words, state: dict) -> str:
    """The bars of ``apply_settings`` as an HTML table; cut words are grey and read 0.00."""
    bars = []
    for i in state["shown"]:
        p = state["probabilities"][i]
        color = plots.COLORS["kept" if p > 0 else "removed"]
        bars.append((readable(words[i]), p, escape(written(p)), color))
    n = len(state["probabilities"])
    return parts.bar_table(bars) + parts.note(
        f"entropy <b>{state['entropy']:.2f} bits</b> · kept <b>{state['kept']:,}</b> of {n:,} · "
        f"kept mass <b>{state['mass']:.3f}</b>",
        14,
    )


def top_k_options(n: int) -> list[tuple[str, int]]:
    """Slider stops for k: every number to 12, then 1-2-5 steps, then all n."""
    steps = [m * 10**e for e in range(1, 8) for m in (1, 2, 5)]
    stops = sorted({*range(1, min(n, 12) + 1), *(s for s in steps if s < n), n})
    return [(f"{stop:,}" if stop < n else f"all {n:,}", stop) for stop in stops]


def sampling_figure(words, logits, title: str):
    """The bars at temperature 1 as a matplotlib figure, for places without a kernel."""
    state = apply_settings(logits, 1.0, len(logits), 1.0)
    best = state["shown"]
    fig, ax = plots.plt.subplots(figsize=(7, 1 + 0.35 * len(best)))
    bars = [readable(words[i]) for i in best], state["probabilities"][best]
    plots.bars(ax, *bars, plots.COLORS["kept"])
    ax.set_title(f"{title}: T = 1, all kept", parse_math=False)
    ax.set_xlabel("probability")
    return fig
