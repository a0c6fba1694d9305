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
