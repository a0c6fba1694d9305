"""What holds for all tests, the notebooks' cells among them."""

import contextlib
import os
import signal
import tempfile

import hypothesis
import pytest

# Kernels and other processes started by tests inherit this. The hub's client reads it when it is
# imported, and the course's own modules import that.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

# Where several processes share the cores, one thread each: more would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from course_utils.tools import lab  # noqa: E402

lab.use_own_settings()  # before matplotlib reads its own

import matplotlib  # noqa: E402

# Models that notebook 3 saves while being tested go away with the tests, not into my-models/.
_models = tempfile.TemporaryDirectory(prefix="course-models-", ignore_cleanup_errors=True)
os.environ["COURSE_MODELS"] = _models.name

# A busy machine may take long for one example. Under CI the examples are the same in every run.
hypothesis.settings.register_profile(
    "course",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("course")

# A shell starts what it runs in the background deaf to the stop button, and all its children: tests
# that press it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Kernels show no progress bars, which no notebook stores.
os.environ["TQDM_DISABLE"] = "1"

# No windows from unit tests. Not in the environment: kernels draw into their notebook.
os.environ.pop("MPLBACKEND", None)
matplotlib.use("agg")


@pytest.fixture
def press_stop_after():
    """Presses the stop button after so many seconds, and again every second (0: no more).

    By the system's clock: no thread is needed. Again, since pydantic can swallow an interrupt.
    """
    if not hasattr(signal, "setitimer"):
        pytest.skip("Windows has no such clock")
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def one_thread():
    """For tensors as small as a test's, threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def full_disk():
    """Inside ``with full_disk():`` no file may have more than 16 KB, as on a full disk."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return full


def pytest_collection_modifyitems(items):
    """Tests of slides, pages and widgets as a browser shows them: `make browser` runs them."""
    for item in items:
        if {"shown", "site"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")


def pytest_terminal_summary(terminalreporter):
    """Count unit tests and notebook cells apart: they are two different proofs."""
    counts = {"unit tests": {}, "notebook cells": {}}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            kind = "notebook cells" if ".ipynb::" in report.nodeid else "unit tests"
            counts[kind][outcome] = counts[kind].get(outcome, 0) + 1
    for kind, found in counts.items():
        listed = ", ".join(f"{number} {outcome}" for outcome, number in found.items())
        terminalreporter.write_line(f"{kind}: {listed or 'none'}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """A browser test that failed tells what its page showed."""
    report = yield
    seen = getattr(item, "funcargs", {}).get("notebook")
    if report.failed and hasattr(seen, "page"):
        import browser

        with contextlib.suppress(Exception):  # the page may be gone
            report.sections.append(("the widgets show", browser.shown_by_widgets(seen.page)))
    return report


@pytest.fixture(scope="module")
def shown():
    """A Chromium without a window. Closed with this module: others start their own."""
    from course_utils.slides import chromium

    if chromium.chromium() is None:
        pytest.skip("no Chromium: install it (apt install chromium) or name it in CHROMIUM")
    pytest.importorskip("playwright", reason="pip install playwright")
    with chromium.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The whole site without its slides: ``(folder, {name: parsed page})``."""
    from bs4 import BeautifulSoup

    from course_utils.tools.site import build

    folder = tmp_path_factory.mktemp("site")
    pages = build.write(folder, "https://example.org/course", slides=False)
    parsed = {p.name: BeautifulSoup(p.read_text(encoding="utf-8"), "html.parser") for p in pages}
    return folder, parsed


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The running JupyterLab of the course, see ``lab_server.running_lab``: one for all tests."""
    from lab_server import running_lab

    home = tmp_path_factory.mktemp("home")  # an empty one: nothing set up, nothing to be left there
    with running_lab(home, tmp_path_factory.mktemp("log") / "lab.txt") as running:
        yield running


@pytest.fixture
def displayed(monkeypatch):
    """What a widget displays: (data, options) pairs. Every figure must be closed at the end."""
    import matplotlib.pyplot as plt

    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: calls.append((data, more)))
    yield calls
    assert plt.get_fignums() == []
