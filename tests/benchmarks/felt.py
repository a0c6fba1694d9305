"""Speed as felt: from a slider's event to the new picture, in the page, in a real JupyterLab."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from harness import duration

sys.path.append(str(Path(__file__).parents[1]))

# In the page: the time from a key on the slider to the frame that shows the changed bars.
WATCH = """
box => {
  const times = (window.feltTimes = []);
  let started = null;
  box.addEventListener('keydown', () => { started = performance.now(); }, true);
  new MutationObserver(() => {
    if (started === null) return;
    const began = started;
    started = null;
    requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - began)));
  }).observe(box.querySelector('table').parentElement, {childList: true, subtree: true});
}
"""


def felt_speed(quick: bool) -> None:
    """Median of 30 moves of the temperature, 100,000 logits; the aim is 150 ms. Prints a line."""
    from course_utils.slides import chromium

    if chromium.chromium() is None:
        print("felt speed: not measured, no Chromium here")
        return
    moves = felt_times(5 if quick else 30)
    print(
        f"felt speed, sampling explorer, 100,000 logits: median of {len(moves)} moves"
        f" {duration(statistics.median(moves))}, from {duration(min(moves))}"
        f" to {duration(max(moves))}; aim: at most 150 ms"
    )


def felt_times(moves: int) -> list[float]:
    """Seconds of each move, from the key to the painted picture."""
    from browser import control, opened, press, run_all, widget
    from lab_server import running_lab
    from nbformat.v4 import new_code_cell, new_notebook

    from course_utils.slides import chromium

    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    code = "from course_utils import widgets\nbox = widgets.sampling_explorer()"
    nb = new_notebook(cells=[new_code_cell(code)], metadata={"kernelspec": kernel})
    with (
        tempfile.TemporaryDirectory() as home,
        running_lab(home, Path(home) / "log") as server,
        chromium.browser() as browser,
        opened(browser, server, nb) as seen,
    ):
        run_all(seen.page)
        box = widget(seen.page, "temperature")
        control(box, "logits").locator("select").select_option("100,000 words")
        box.get_by_text("of 100,000").wait_for()
        box.evaluate(WATCH)
        for done in range(1, moves + 3):
            press(box, "temperature", "ArrowRight")
            seen.page.wait_for_function("n => feltTimes.length >= n", arg=done)
        times = seen.page.evaluate("feltTimes")
        assert not seen.complaints, seen.complaints
    return [ms / 1000 for ms in times[2:]]  # the first two warm up


if __name__ == "__main__":
    felt_speed(quick=False)
