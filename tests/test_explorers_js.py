"""The explorers of the exported slides do what the Python functions do: in Chromium, to 1e-6."""

import json

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils import language_model, masked, plots, sampling, widgets
from course_utils.slides import beginnings, check, export, live

SCRIPT = (export.ASSETS / "explorers.js").read_text(encoding="utf-8")
SENTENCE = "She put the [MASK] on the table."


@pytest.fixture(scope="module")
def page(shown):
    """An empty page with the functions of explorers.js."""
    tab = shown.new_page()
    tab.add_script_tag(content=SCRIPT + "\nwindow.Explorers = Explorers;")
    yield tab
    tab.close()


def random_choices(n):
    """n times (logits, temperature, k, p, min-p): small and large vocabularies, ties, limits."""
    rng = np.random.default_rng(7)
    for i in range(n):
        vocab = int(rng.choice([1, 2, 3, 12, 200, 1500], p=[0.05, 0.15, 0.2, 0.3, 0.2, 0.1]))
        logits = rng.normal(0, rng.choice([0.1, 2, 20]), vocab)
        if i % 3 == 0:
            logits = logits.round(1)  # ties
        temperature = float(rng.choice([0.05, 0.5, 1, 2, 5, rng.uniform(0.05, 5)]))
        p = float(rng.choice([0.05, 1, rng.uniform(0.05, 1)]))
        share = float(rng.choice([0, 1, rng.uniform(0, 1)], p=[0.5, 0.1, 0.4]))
        yield logits, temperature, int(rng.integers(1, vocab + 1)), p, share


def test_the_sampling_explorer_computes_what_python_computes_on_1000_random_inputs(page):
    inputs = list(random_choices(1000))
    states = page.evaluate(
        """(inputs) => inputs.map(([logits, ...settings]) => {
            const state = Explorers.explore(logits, ...settings);
            return {...state, probabilities: [...state.probabilities]};
        })""",
        [[logits.tolist(), *settings] for logits, *settings in inputs],
    )
    worst = 0.0
    for (logits, *settings), got in zip(inputs, states, strict=True):
        want = widgets.sampling.apply_settings(logits, *settings)
        assert got["kept"] == want["kept"], (len(logits), settings)
        assert got["shown"] == want["shown"].tolist(), (len(logits), settings)
        gaps = [np.abs(np.array(got["probabilities"]) - want["probabilities"]).max()]
        gaps += [abs(got[key] - want[key]) for key in ("mass", "entropy")]
        worst = max(worst, *gaps)
    print(f"largest difference of 1,000 inputs: {worst:.1e}")
    assert worst <= 1e-6


def test_the_notes_table(page):
    for temperature, want in {0.5: [0.02, 0.98], 1: [0.12, 0.88], 2: [0.27, 0.73]}.items():
        found = page.evaluate("(t) => [...Explorers.softmax([1, 3], t)]", temperature)
        assert np.round(found, 2).tolist() == want


def test_the_bars_are_those_of_the_notebook_and_words_are_escaped(page):
    words = ['<img src=x onerror="alert(1)">', "it's & co", "plain", *map(str, range(1500))]
    for logits, *settings in list(random_choices(1000))[::7]:
        got = page.evaluate(
            """([words, logits, settings, colors]) => {
                const state = Explorers.explore(logits, ...settings);
                return Explorers.barsHtml((i) => words[i], state, colors);
            }""",
            [words, logits.tolist(), settings, plots.COLORS],
        )
        assert got == widgets.sampling.bars_html(
            words, widgets.sampling.apply_settings(logits, *settings)
        )


@pytest.mark.parametrize("text", beginnings.TEXTS)
def test_a_stored_beginning_gives_the_numbers_of_all_49_152_logits(page, text):
    """Probabilities, kept mass and entropy at any setting; how many are kept, to 1 %."""
    kept = beginnings.stored()[text]
    words, logits = language_model.load().next_logits(text)
    best = np.argsort(-logits, kind="stable")[:200]
    # neighbours may change places on another processor
    same = {widgets.sampling.readable(words[i]) for i in best[:20]}
    assert same <= set(kept["words"][:30])
    for settings in (
        (1, 49_152, 1, 0), (5, 49_152, 1, 0), (0.05, 49_152, 1, 0), (1, 100, 1, 0),
        (2, 49_152, 0.9, 0), (5, 49_152, 0.5, 0), (5, 49_152, 1, 0.05), (3, 20_000, 0.95, 0.01),
    ):  # fmt: skip
        got = page.evaluate(
            """([kept, settings]) => {
                const logits = Explorers.withRest(kept.logits, {...kept, step: 0.02});
                const state = Explorers.explore(logits, ...settings);
                const probabilities = [...state.probabilities.slice(0, 200)];
                return {...state, n: logits.length, probabilities};
            }""",
            [kept, settings],
        )
        want = widgets.sampling.apply_settings(logits, *settings)
        assert got["n"] == len(logits) == 49_152
        apart = np.abs(np.array(got["probabilities"]) - want["probabilities"][best]).max()
        assert apart < 0.003 and abs(got["mass"] - want["mass"]) < 0.003, settings
        assert abs(got["entropy"] - want["entropy"]) < 0.01, settings
        assert abs(got["kept"] - want["kept"]) <= 0.01 * want["kept"], settings


def test_the_triplet_geometry_computes_what_python_computes_on_1000_random_inputs(page):
    rng = np.random.default_rng(8)
    points = rng.normal(0, 1.5, (1000, 3, 2))
    points[::10, 0] = points[::10, 2]  # a positive on the anchor
    points[5::10, 1] = points[5::10, 2]  # a negative on it
    margins = rng.uniform(0, 2, 1000)
    margins[::4] = 0
    states = page.evaluate(
        "(inputs) => inputs.map(([p, n, a, m]) => Explorers.tripletState(p, n, m, a))",
        [[*p.tolist(), float(m)] for p, m in zip(points, margins, strict=True)],
    )
    worst = 0.0
    for (positive, negative, anchor), margin, got in zip(points, margins, states, strict=True):
        want = widgets.triplet.triplet_state(
            tuple(positive), tuple(negative), margin, tuple(anchor)
        )
        assert got.keys() == want.keys()
        worst = max(worst, *(np.abs(np.subtract(got[key], want[key])).max() for key in want))
    print(f"largest difference of 1,000 inputs: {worst:.1e}")
    assert worst <= 1e-6


def test_the_triplet_drawing_is_that_of_the_notebook(page):
    rng = np.random.default_rng(9)
    for d_ap, d_an, a, b, margin in rng.uniform(
        [0, 0, -180, -180, 0], [3, 3, 180, 180, 2], (99, 5)
    ):
        positive, negative = widgets.triplet.polar(d_ap, a), widgets.triplet.polar(d_an, b)
        want = widgets.triplet.triplet_state(positive, negative, margin)
        svg, text, points = page.evaluate(
            """([p, n, margin, colors]) => {
                const points = [Explorers.polar(...p), Explorers.polar(...n)];
                const state = Explorers.tripletState(...points, margin);
                return [Explorers.tripletSvg(state, colors), Explorers.tripletHtml(state), points];
            }""",
            [[d_ap, a], [d_an, b], margin, plots.COLORS],
        )
        assert np.allclose(points, [positive, negative], atol=1e-12)
        assert svg == widgets.triplet.triplet_svg(want)
        assert text == widgets.triplet.triplet_html(want)


def test_drawn_words_follow_the_probabilities(page):
    p = sampling.softmax(np.array([1.0, 3.0, -np.inf]))
    p[2] = 0
    drawn = page.evaluate("(p) => Explorers.sample(p, 20000)", p.tolist())
    shares = np.bincount(drawn, minlength=3) / 20000
    assert np.abs(shares - p).max() < 0.02 and shares[2] == 0  # five standard deviations: 0.012
    assert page.evaluate("Explorers.sample([0.5, 0.5 - 1e-9, 0], 1, () => 1 - 1e-12)") == [1]


# ---- On a slide --------------------------------------------------------------------------------


def notebook(path, *sources):
    """A notebook of code cells, each with a figure as its output, on slides."""
    dot = {"image/png": "iVBORw0KGgo=", "text/plain": "figure"}
    cells = [
        new_code_cell(
            source,
            metadata={"slideshow": {"slide_type": "slide"}},
            outputs=[new_output("display_data", data=dict(dot))],
        )
        for source in sources
    ]
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def deck(shown, tmp_path_factory):
    """Slides with both explorers: ``(tab, complaints)``."""
    folder = tmp_path_factory.mktemp("explorers")
    path = notebook(
        folder / "live.ipynb",
        f'sentence = "{SENTENCE}"\nexplorer = widgets.sampling_explorer(sentence=sentence)',
        "box = widgets.triplet_geometry(margin=0.5)",
        "explorer = widgets.sampling_explorer()",
    )
    return check.open_deck(shown, export.write([path], folder)[0])


def bars(tab):
    rows = tab.locator(
        "section.present:not(.stack) .explorer[data-kind=sampling] tr"
    ).all_inner_texts()
    return [row.split("\t")[0].strip() for row in rows], [
        float(row.split("\t")[-1]) for row in rows
    ]


def set_slider(tab, name, value):
    tab.locator("section.present:not(.stack)").get_by_label(name, exact=True).fill(str(value))


def test_the_sliders_of_the_sampling_explorer_move_the_bars(deck):
    tab, complaints = deck
    tab.evaluate("Reveal.slide(0)")
    tab.locator("section.present:not(.stack) select").select_option("[1, 3], as in the notes")
    seen = {}
    for temperature in (0.5, 1, 2):
        set_slider(tab, "temperature", temperature)
        seen[temperature] = dict(zip(*bars(tab), strict=True))
    assert seen == {
        0.5: {"B": 0.98, "A": 0.02},
        1: {"B": 0.88, "A": 0.12},
        2: {"B": 0.73, "A": 0.27},
    }
    set_slider(tab, "top-k", 0)  # the first stop: k = 1
    assert dict(zip(*bars(tab), strict=True)) == {"B": 1.0, "A": 0.0}
    tab.locator("section.present:not(.stack)").get_by_role("button", name="Draw 20 words").click()
    assert tab.get_by_text(" · ".join("B" * 20), exact=True).is_visible()
    tab.locator("section.present:not(.stack)").get_by_role("button", name="Reset").click()
    assert dict(zip(*bars(tab), strict=True)) == {"B": 0.88, "A": 0.12}
    assert complaints == []


def test_the_masked_sentence_shows_the_words_of_course_bert(deck):
    tab, _ = deck
    tab.evaluate("Reveal.slide(0)")
    tab.locator("section.present:not(.stack) select").select_option(SENTENCE)
    words, logits = masked.mask_logits(SENTENCE)
    state = widgets.sampling.apply_settings(logits, 1.0, len(logits), 1.0)
    want = [words[i] for i in state["shown"]], state["probabilities"][state["shown"]].round(2)
    names, numbers = bars(tab)
    assert names == want[0] and np.allclose(numbers, want[1])
    set_slider(tab, "top-p", 0.5)
    kept = widgets.sampling.apply_settings(logits, 1.0, len(logits), 0.5)["kept"]
    assert (
        f"kept {kept:,} of {len(logits):,}"
        in tab.locator("section.present:not(.stack) .explorer p", has_text="kept").inner_text()
    )


def test_the_large_vocabulary_is_that_of_the_notebook(deck):
    tab, _ = deck
    tab.evaluate("Reveal.slide(0)")
    tab.locator("section.present:not(.stack) select").select_option("100,000 words")
    words, logits = widgets.example_logits()["100,000 words"]
    state = widgets.sampling.apply_settings(logits.astype(np.float32), 1.0, len(logits), 1.0)
    names, numbers = bars(tab)
    assert names == [words[i] for i in state["shown"]]
    assert np.allclose(numbers, state["probabilities"][state["shown"]].round(2))


def test_the_stored_beginnings_come_first_with_texts_and_no_writing_button(deck):
    tab, complaints = deck
    tab.evaluate("Reveal.slide(2)")
    slide = tab.locator("section.present:not(.stack)")
    options = slide.locator("option").all_inner_texts()
    assert options == [*(f"{text} …" for text in beginnings.TEXTS), *widgets.example_logits()]
    said = slide.inner_text()
    assert "of 49,152" in said and "200 most probable tokens" in said
    stored = beginnings.stored()[beginnings.TEXTS[0]]
    assert bars(tab)[0] == stored["words"][:12]
    texts = slide.locator(".written-text b").all_text_contents()
    assert texts == [text for _, text in stored["texts"]]
    assert slide.get_by_role("button", name="Write on").count() == 0
    set_slider(tab, "min-p", 1)
    assert "kept 1 of 49,152" in slide.inner_text()
    slide.locator("select").select_option("100,000 words")
    assert slide.locator(".written-text").count() == 0 and complaints == []


def test_a_beginning_that_is_not_stored_is_measured(tmp_path):
    [html] = made_live(tmp_path, 'widgets.sampling_explorer(sentence="My <b> cat")')
    data = json.loads(html.partition('json">')[2].removesuffix("</script></div>"))
    assert [choice["name"] for choice in data["choices"][:2]] == [
        "My <b> cat …",
        f"{beginnings.TEXTS[0]} …",
    ]


def test_dragging_a_slider_by_mouse_follows_and_the_arrow_keys_turn_pages_after_it(deck):
    tab, _ = deck
    tab.evaluate("Reveal.slide(1)")
    loss = tab.locator(".loss")
    before = loss.inner_text()
    handle = tab.get_by_label("d(a, n)").bounding_box()
    tab.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(handle["x"] + handle["width"] - 2, handle["y"] + handle["height"] / 2, steps=5)
    tab.mouse.up()
    assert before != "0.00" and loss.inner_text() == "0.00"
    assert tab.evaluate("Reveal.getIndices().h") == 1
    tab.keyboard.press("PageUp")
    assert tab.evaluate("Reveal.getIndices().h") == 0


def test_the_triplet_geometry_starts_as_the_notebook_s(deck):
    tab, _ = deck
    tab.evaluate("Reveal.slide(1)")
    set_slider(tab, "d(a, n)", 1.4)
    state = widgets.triplet.triplet_state(
        widgets.triplet.polar(1, 140), widgets.triplet.polar(1.4, 20), 0.5
    )
    shown = tab.locator("svg.triplet title").evaluate("(e) => e.textContent")
    assert shown in widgets.triplet.triplet_svg(state)
    set_slider(tab, "margin", 2)
    assert tab.locator(".loss").inner_text() == f"{1 - 1.4 + 2:.2f}"


# ---- What the export needs to know ---------------------------------------------------------------


def made_live(tmp_path, *sources):
    nb = nbformat.read(notebook(tmp_path / "x.ipynb", *sources), as_version=4)
    live.add_live_widgets(nb)
    return [cell.outputs[0].data.get("text/html", "") for cell in nb.cells]


def test_only_the_two_explorers_become_live(tmp_path):
    calls = "widgets.search_box(index)", "widgets.triplet_geometry(0.7)"
    other, triplet = made_live(tmp_path, *calls)
    assert other == "" and '"margin": 0.7' in triplet


def test_a_sentence_cannot_end_the_script_it_stands_in(tmp_path):
    [html] = made_live(tmp_path, 'sampling_explorer(sentence="</script><b> [MASK]")')
    assert html.count("</script>") == 1
    data = json.loads(html.partition('json">')[2].removesuffix("</script></div>"))
    assert data["choices"][0]["name"] == "</script><b> [MASK]"


def test_arguments_that_only_a_run_would_tell_are_refused(tmp_path):
    with pytest.raises(ValueError, match="triplet_geometry.*without running it"):
        made_live(tmp_path, "widgets.triplet_geometry(margin=f(2))")
