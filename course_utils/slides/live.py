"""The widgets that stay alive on exported slides: the sampling explorer, the triplet geometry.

The cell that shows one is found by its call. In the export a ``<div class="explorer">`` with the
widget's data comes before its figure, and ``slides/page/explorers.js`` makes it work: the same
sums as in the notebook, done by the page. All other widgets are shown by their figure.
"""

from __future__ import annotations

import ast
import base64
import json

import numpy as np

from course_utils import masked, plots, widgets
from course_utils.internal.notebook_code import parse
from course_utils.slides import beginnings

KINDS = ("sampling_explorer", "triplet_geometry")


def add_live_widgets(nb) -> None:
    """Add the live HTML to the stored figure of every sampling explorer and triplet geometry.

    Changes the notebook ``nb`` (nbformat). Raises ValueError, naming the cell, for a call whose
    arguments are known only by running it.
    """
    constants = {}
    for number, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        for node in ast.walk(parse(cell.source)):
            # remember what a variable was set to: it may be an argument later
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                constants |= {ast.unparse(name): node.value for name in node.targets}
            if isinstance(node, ast.Call) and _name(node) in KINDS:
                try:
                    html = globals()[f"{_name(node)}_html"](**_arguments(node, constants))
                except (TypeError, ValueError, OSError) as error:
                    raise ValueError(f"cell {number}, {ast.unparse(node)}: {error}") from error
                _add_html(cell, html)


def _add_html(cell, html: str) -> None:
    """Put the live widget where the cell shows a figure."""
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            output.data["text/html"] = html


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _arguments(call: ast.Call, constants: dict) -> dict:
    """The arguments of a call by name; a variable counts as what was assigned to it last."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if call.args:  # the first by its name
        given[{"sampling_explorer": "logits", "triplet_geometry": "margin"}[_name(call)]] = (
            call.args[0]
        )
    try:
        return {
            name: ast.literal_eval(constants.get(ast.unparse(value), value))
            for name, value in given.items()
        }
    except ValueError:
        raise ValueError(
            "the slides must know the arguments of the widget without running it: give numbers "
            "and texts, or variables to which one was assigned"
        ) from None


def sampling_explorer_html(sentence: str | None = None, seed: int = 0) -> str:
    """The sampling explorer as HTML with its logits inside, in float32.

    As in the notebook: the sentence's logits, then ``widgets.example_logits()``. After a sentence
    without ``[MASK]`` come the stored beginnings; one that is not stored is measured. Raises the
    same errors as ``masked.mask_logits`` and ``beginnings.measured``.
    """
    sentence = sentence or widgets.sampling.BEGINNING
    examples = [_choice(name, *pair) for name, pair in widgets.example_logits().items()]
    if widgets.sampling.MASK in sentence:
        first = [_choice(sentence, *masked.mask_logits(sentence))]
    else:
        kept = beginnings.stored()
        mine = {sentence: kept.get(sentence) or beginnings.measured(sentence)}
        first = [_beginning(*pair) for pair in (mine | kept).items()]
    colors = {name: plots.COLORS[name] for name in ("kept", "removed")}
    return _explorer("sampling", {"colors": colors, "choices": first + examples})


def _choice(name: str, words, logits) -> dict:
    made_up = words[-1] == f"word {len(words):,}"  # the page counts them itself
    return {
        "name": name,
        "words": None if made_up else [widgets.sampling.readable(word) for word in words],
        "logits": _base64(logits),
        "stops": widgets.sampling.top_k_options(len(logits)),
    }


def _beginning(text: str, kept: dict) -> dict:
    """A stored beginning (``beginnings.measured``) as a choice."""
    return {
        "name": f"{text} …",
        "words": kept["words"],
        "logits": _base64(kept["logits"]),
        "rest": {"top": kept["top"], "step": beginnings.STEP, "counts": kept["counts"]},
        "stops": widgets.sampling.top_k_options(len(kept["logits"]) + sum(kept["counts"])),
        "beginning": text,
        "texts": kept["texts"],
    }


def _base64(logits) -> str:
    return base64.b64encode(np.asarray(logits, dtype="<f4").tobytes()).decode()


def triplet_geometry_html(margin: float = 1.0) -> str:
    """The triplet geometry as HTML."""
    colors = {name: plots.COLORS[name] for name in ("anchor", "positive", "negative", "text")}
    return _explorer("triplet", {"colors": colors, "margin": margin})


def _explorer(kind: str, data: dict) -> str:
    """``<`` is written so that no text of the data can end the script element."""
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return (
        f'<div class="explorer" data-kind="{kind}">'
        f'<script type="application/json">{text}</script></div>'
    )
