"""Opens exported slides in Chromium with the network off and measures every one of them.

Needs the package playwright and a Chromium of this machine: ``chromium``, ``chromium-browser``
or ``google-chrome`` on the PATH, or the program that the environment variable CHROMIUM names.
"""

from __future__ import annotations

from pathlib import Path

from course_utils.slides import chromium

ASSETS = Path(__file__).resolve().parent / "page"
WIDTH, HEIGHT = 1280, 720


def open_deck(shown, page: Path, query: str = ""):
    """Open exported slides with the network off: ``(playwright page, its complaints so far)``.

    The complaints are a list that grows: errors of the console, of scripts, and every request
    that is not the file itself or inside it.
    """
    context = shown.new_context(viewport={"width": WIDTH, "height": HEIGHT}, offline=True)
    tab = context.new_page()
    complaints = []
    own = page.resolve().as_uri()

    def request(asked):
        if not asked.url.startswith((own, "data:", "blob:")):
            complaints.append(f"request to {asked.url}")

    tab.on("request", request)
    tab.on("requestfailed", lambda asked: complaints.append(f"failed request {asked.url[:80]}"))
    tab.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    tab.on(
        "console",
        lambda line: line.type in ("error", "warning") and complaints.append(line.text),
    )
    tab.goto(own + query, wait_until="load")
    tab.wait_for_selector("html[data-ready=yes]", timeout=120_000)
    return tab, complaints


def measure(tab) -> list[dict]:
    """Go through all slides, everything on them shown and every answer open.

    A dict for each slide: ``number`` (from 1), ``title``, ``density`` (0 to 2, see slides.js)
    and ``faults``, a list of texts.
    """
    script = (ASSETS / "measure.js").read_text(encoding="utf-8")
    tab.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    slides = []
    for number in range(1, tab.evaluate("Reveal.getTotalSlides()") + 1):
        slide = tab.evaluate(
            """(i) => {
                const slide = Reveal.getSlides()[i];
                const at = Reveal.getIndices(slide);
                Reveal.slide(at.h, at.v, slide.querySelectorAll(".fragment").length - 1);
                const text = slide.querySelector("h1,h2,h3,h4") ?? slide;
                return {title: text.textContent.trim().split("\\n")[0].slice(0, 60),
                        density: Number(slide.dataset.density)};
            }""",
            number - 1,
        )
        slides.append({"number": number, **slide, "faults": tab.evaluate(script)})
    return slides


def print_pdf(shown, page: Path) -> Path:
    """Print exported slides, one on a page of 1280 x 720: the file, next to ``page``."""
    tab, _ = open_deck(shown, page, "?print-pdf")
    # reveal.js takes the slides out, and some drawn frames later all come back as pages
    tab.wait_for_selector(".pdf-page", state="attached", timeout=120_000)
    file = page.with_suffix(".pdf")
    file.write_bytes(tab.pdf(prefer_css_page_size=True, print_background=True))
    tab.context.close()
    return file


def report(pages) -> int:
    """Print what is wrong with exported slides; how many slides have a fault, at most 99."""
    bad = 0
    with chromium.browser() as shown:
        for page in map(Path, pages):
            tab, complaints = open_deck(shown, page)
            slides = measure(tab)
            tab.context.close()
            wrong = [slide for slide in slides if slide["faults"]]
            small = [slide["number"] for slide in slides if slide["density"] == 2]
            print(f"{page.name}: {len(slides)} slides, {len(wrong)} with a fault")
            for slide in wrong:
                print(f"  {slide['number']:3d} “{slide['title']}”: {'; '.join(slide['faults'])}")
            if small:
                print(f"  set in the smallest type (cut a line if you can): {small}")
            for line in complaints:
                print(f"  complaint of the browser: {line}")
            bad += len(wrong) + bool(complaints)
    return min(bad, 99)
