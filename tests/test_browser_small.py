"""The two widest widgets in a window of 1024 pixels with the list of files open: nothing is cut."""

import browser
from nbformat.v4 import new_code_cell, new_notebook

SHOW = """from course_utils import widgets
widgets.attention_explorer("We went to the river bank.", "course-bert");
widgets.triplet_geometry();"""
CUT = """() => [...document.querySelectorAll('.jp-OutputArea-output')].flatMap(output =>
    [...output.querySelectorAll('.widget-slider, .widget-readout, .widget-text, .widget-dropdown')]
        .filter(part => part.getBoundingClientRect().right > output.getBoundingClientRect().right
            || (part.querySelector('.noUi-target')?.offsetWidth ?? 99) < 50)
        .map(part => part.innerText))"""


def test_no_control_is_cut(shown, server):
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nb = new_notebook(cells=[new_code_cell(SHOW)], metadata={"kernelspec": kernel})
    with browser.opened(shown, server, nb) as seen:
        browser.run_all(seen.page)
        for label in ("head", "margin"):
            browser.widget(seen.page, label)
        for width in (1280, 1093, 1024):
            seen.page.set_viewport_size({"width": width, "height": 720})
            browser.eventually(lambda: seen.page.evaluate(CUT), [])
        assert seen.page.locator(".widget-slider").count() >= 7
        assert seen.complaints == []
