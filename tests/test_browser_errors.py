"""The browser tests can fail: errors in a cell and a notebook that stands still are found."""

import browser
import pytest
from nbformat.v4 import new_code_cell, new_notebook

KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


@pytest.mark.parametrize(
    "source, still_s, words",
    [("1 / 0", 60, "ZeroDivisionError"), ("(", 60, "SyntaxError"),
     ("import time\ntime.sleep(60)", 4, "nothing new for 4 s")],
)  # fmt: skip
def test_run_all_fails(shown, server, monkeypatch, source, still_s, words):
    monkeypatch.setattr(browser, "STILL_S", still_s)
    cells = [new_code_cell(source), new_code_cell("'the end'")]
    nb = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    with browser.opened(shown, server, nb) as seen, pytest.raises(AssertionError, match=words):
        browser.run_all(seen.page)


def test_run_all_passes_what_only_writes_to_stderr(shown, server):
    code = "import sys\nprint('50 %', file=sys.stderr)"
    nb = new_notebook(cells=[new_code_cell(code)], metadata={"kernelspec": KERNEL})
    with browser.opened(shown, server, nb) as seen:
        browser.run_all(seen.page)


def test_what_a_widget_shows_may_come_late_but_must_come(monkeypatch):
    """A machine that stood still is no failure. A widget that stays wrong is one, and is told."""
    monkeypatch.setattr(browser, "REACT_S", 0)
    monkeypatch.setattr(browser, "READS", 4)
    monkeypatch.setattr(browser.time, "sleep", lambda seconds: None)
    late = iter(["old", "old", "old", "new", "new"])
    browser.eventually(lambda: next(late), "new")
    with pytest.raises(AssertionError, match="still shown: old\nwanted: new"):
        browser.eventually(lambda: "old", "new")
    flash = iter(["new", "old"])
    with pytest.raises(AssertionError, match="shown at first, then replaced by: old"):
        browser.eventually(lambda: next(flash), "new")


def test_a_failed_test_tells_what_the_widgets_show(shown, server):
    field = "w.Text('a bank', description='sentence')"
    code = f"import ipywidgets as w\nw.VBox([{field}, w.HTML('0.52')])"
    nb = new_notebook(cells=[new_code_cell(code)], metadata={"kernelspec": KERNEL})
    with browser.opened(shown, server, nb) as seen:
        browser.run_all(seen.page)
        browser.eventually(lambda: browser.shown_by_widgets(seen.page), "a bank | sentence 0.52")
