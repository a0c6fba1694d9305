"""This machine's own Chromium, driven by playwright: measures slides, and runs browser tests."""

from __future__ import annotations

import contextlib
import os
import shutil

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def chromium() -> str | None:
    """The path of a Chromium of this machine; None without one."""
    named = os.environ.get("CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def browser():
    """A headless Chromium (a playwright ``Browser``). Raises RuntimeError where there is none."""
    program = chromium()
    if program is None:
        raise RuntimeError("no Chromium on the PATH: install it, or name it in CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RuntimeError("the package playwright is missing: pip install playwright") from None
    with sync_playwright() as driver:
        # No sandbox: containers, where root runs it on the course's own pages, allow none.
        shown = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield shown
        shown.close()
