"""The course's notebooks in a real JupyterLab in Chromium, used as a person uses them.

Controls are found by the words next to them, never by a cell's number.
"""

import contextlib
import dis
import re
import time
import uuid
from pathlib import Path
from types import CodeType, SimpleNamespace

import nbformat
import requests

ROOT = Path(__file__).resolve().parents[1]
# Next to notebooks/, so that ../images is found; git ignores it.
FOLDER = ROOT / "build"
WIDGET = re.compile(r"\b(?:\w+_explorer|search_box|triplet_geometry)\(")
STILL_S = 300  # so long may a notebook show nothing new while it runs
REACT_S = 30
READS = 200  # at least so often is a page looked at, however long the machine stood still
# JupyterLab 4 gives a traceback the type of stderr, which progress bars have, too
ERRORS = '[data-mime-type$="jupyter.error"], [data-mime-type$="jupyter.stderr"]'
TROUBLE = re.compile(r"Traceback|\w+(?:Error|Interrupt|Exception)\b")


def names(code: str) -> tuple[set[str], set[str]]:
    """The names that a cell gives a value to, and those that it reads before, or in functions."""
    given, read = set(), set()
    blocks = [compile(code, "cell", "exec")]
    for block in blocks:
        for step in dis.get_instructions(block):
            if step.opname == "STORE_NAME" and block is blocks[0]:
                given.add(step.argval)
            elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in given:
                read.add(step.argval)
        blocks += [part for part in block.co_consts if isinstance(part, CodeType)]
    return given, read


def for_its_widgets(source: Path) -> nbformat.NotebookNode:
    """The notebook without the cells that none of its widgets needs (nbval runs them all)."""
    nb = nbformat.read(source, as_version=4)
    needed, kept = set(), []
    for cell in reversed([cell for cell in nb.cells if cell.cell_type == "code"]):
        given, read = names(cell.source)
        if WIDGET.search(cell.source) or given & needed:
            needed = needed - given | read
            cell.execution_count = None  # it shows when a cell has run
            kept.append(cell.id)
    assert kept, f"{source.name} makes no widget"
    nb.cells = [cell for cell in nb.cells if cell.cell_type == "markdown" or cell.id in kept]
    return nb


def complaints_of(page, server) -> list[str]:
    """A list that grows while the page lives, and should stay empty.

    Errors of the console and of scripts, tracebacks from the kernel, alerts, and requests to
    anywhere but the server.
    """
    found = []
    own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")

    def note(kind, text, bad=True):
        if bad:
            found.append(f"{kind}: {text}")

    def dialog(shown):
        note("dialog", shown.message)
        shown.dismiss()

    def frame(payload):
        """A callback's traceback is in no cell: JupyterLab hides it in its log."""
        text = payload if isinstance(payload, str) else payload.decode(errors="replace")
        note("kernel", text[-1500:], "Traceback" in text)

    page.on("console", lambda said: note("console", said.text, said.type == "error"))
    page.on("pageerror", lambda error: note("script", error))
    page.on("request", lambda r: note("request", r.url, not r.url.startswith(own)))
    page.on("websocket", lambda socket: socket.on("framereceived", frame))
    page.on("dialog", dialog)
    return found


@contextlib.contextmanager
def opened(browser, server, nb):
    """The notebook open in JupyterLab, not yet run: its ``page``, and ``complaints`` so far.

    At the end the kernel is shut down, and file and workspace are removed.
    """
    name = f"browser-{uuid.uuid4().hex[:8]}"
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.ipynb"
    nbformat.write(nb, file)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints = complaints_of(page, server)
    path = f"lab/workspaces/{name}/tree/{FOLDER.name}/{file.name}"
    try:
        page.goto(f"{server.url}/{path}?reset&token={server.token}")
        page.get_by_text(re.compile(r"\| Idle")).wait_for(timeout=120_000)
        yield SimpleNamespace(page=page, complaints=complaints)
    finally:
        context.close()
        for session in requests.get(server.url + "/api/sessions", headers=server.headers).json():
            if session["path"] == f"{FOLDER.name}/{file.name}":
                stop(f"{server.url}/api/kernels/{session['kernel']['id']}", server.headers)
                where = f"{server.url}/api/sessions/{session['id']}"
                requests.delete(where, headers=server.headers, timeout=60)
        requests.delete(f"{server.url}/lab/api/workspaces/{name}", headers=server.headers)
        file.unlink(missing_ok=True)
        for left in (FOLDER / ".ipynb_checkpoints").glob(f"{name}*"):
            left.unlink(missing_ok=True)


def stop(kernel: str, headers: dict) -> None:
    """Interrupt it and wait for that: killed at work, it writes a traceback into the log."""
    requests.post(f"{kernel}/interrupt", headers=headers, timeout=60)
    deadline = time.monotonic() + REACT_S
    while requests.get(kernel, headers=headers, timeout=60).json()["execution_state"] != "idle":
        assert time.monotonic() < deadline, f"the kernel is at work {REACT_S} s after its interrupt"
        time.sleep(0.1)


def errors_in(page):
    """The outputs of cells that ended in an error."""
    return page.locator(ERRORS).filter(has_text=TROUBLE)


def run_all(page) -> None:
    """Menu Run, Run All Cells; waits for the last cell.

    Fails at the first error, and when the notebook has shown nothing new for ``STILL_S``.
    """
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    before, moved = None, time.monotonic()
    while True:
        prompts, outputs = page.evaluate(
            """() => [
                [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
                    .map(prompt => prompt.textContent),
                document.querySelector('.jp-Notebook').innerText.length,
            ]"""
        )
        errors = errors_in(page)
        assert errors.count() == 0, errors.first.inner_text()
        if re.search(r"\d", prompts[-1]):
            return
        if (prompts, outputs) != before:
            before, moved = (prompts, outputs), time.monotonic()
        assert time.monotonic() < moved + STILL_S, f"nothing new for {STILL_S} s: {prompts}"
        time.sleep(0.3)


def shown_by_widgets(page) -> str:
    """What is written in each widget and in its fields, for the report of a test that failed."""
    return "\n\n".join(
        page.locator(".jp-OutputArea-output:has(.jupyter-widgets)").evaluate_all(
            """boxes => boxes.map(box => [
                ...[...box.querySelectorAll('input, select')].map(field => field.value),
                box.innerText.replace(/\\s+/g, ' '),
            ].join(' | '))"""
        )
    )


def widget(page, label: str):
    """The output that holds the control called ``label``, brought into view."""
    named = page.locator(f'.jupyter-widgets :text-is("{label}")')
    found = page.locator(".jp-OutputArea-output").filter(has=named)
    found.first.wait_for(state="attached", timeout=1000 * REACT_S)
    found.first.scroll_into_view_if_needed()
    return found.first


def control(box, label: str):
    """The slider, field, choice or checkbox called ``label``."""
    return box.locator(f'.widget-label:text-is("{label}")').locator("xpath=..")


def readout(box, label: str) -> str:
    """The number next to a slider, with a hyphen for the minus sign."""
    return control(box, label).locator(".widget-readout").inner_text().replace("−", "-")


def press(box, label: str, *keys: str) -> None:
    """Keys on a slider's handle."""
    handle = control(box, label).locator(".noUi-handle")
    handle.focus()
    for key in keys:
        handle.press(key)


def write_readout(box, label: str, text: str) -> None:
    """Click on the number next to a slider, write another one, Enter."""
    field = control(box, label).locator(".widget-readout")
    field.click()
    field.press("ControlOrMeta+a")
    field.press_sequentially(text)
    field.press("Enter")


def drag(box, label: str, *stops: float) -> None:
    """Drag a slider's handle by mouse to each stop (0 left, 1 right) as fast as events can go."""
    target = control(box, label).locator(".noUi-target")
    mouse = box.page.mouse
    target.scroll_into_view_if_needed()
    handle = target.locator(".noUi-handle").bounding_box()
    line = target.locator(".noUi-base").bounding_box()
    mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    mouse.down()
    for stop in stops:
        mouse.move(line["x"] + stop * line["width"], line["y"] + line["height"] / 2, steps=20)
    mouse.up()


def write(box, label: str, text: str, enter: bool = True) -> None:
    """Put other words into the text field called ``label``, key by key."""
    field = control(box, label).locator("input")
    field.click()
    field.press("ControlOrMeta+a")
    field.press("Delete")
    field.press_sequentially(text)
    if enter:
        field.press("Enter")


def eventually(read, wanted) -> None:
    """``read()`` becomes ``wanted`` (a value, or a function that is true of it), and stays so."""
    fits = wanted if callable(wanted) else lambda value: value == wanted
    deadline, reads = time.monotonic() + REACT_S, 0
    while not fits(found := read()):
        reads += 1
        late = reads >= READS and time.monotonic() > deadline
        assert not late, f"still shown: {found}\nwanted: {wanted}"
        time.sleep(0.05)
    time.sleep(0.5)
    assert fits(found := read()), f"shown at first, then replaced by: {found}\nwanted: {wanted}"
