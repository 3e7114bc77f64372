"""The leg in a real Chromium: how fast it follows, what goes over the socket, how soon it is there, how much is sent."""

from __future__ import annotations

import gzip
import statistics

import run
from benchmarks.measures import Figure, app_by_run
from kneewise.leg.bundle import bundle_path, shapes_path

CHANGES = 60
OPENINGS = 5
OPTIONS = ("--no-sandbox", "--disable-background-networking")
SOFTWARE_3D = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WITHOUT_3D = ("--disable-gpu", "--disable-3d-apis")

# Times every callback of an animation frame: the script of one change runs there. Nothing in the product is measured
# by the product.
TIMED_FRAMES = """
    window.frameScript = [];
    const request = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => request((time) => {
        const begun = performance.now();
        callback(time);
        window.frameScript.push(performance.now() - begun);
    });
"""
# One change of a slider, from the event to the frame after the new picture; {latency, script} in ms.
ONE_CHANGE = """(value) => new Promise((done) => {
    const find = (node) => {
        for (const each of node.querySelectorAll('*')) {
            if (each.name === 'knee_flexion_deg') return each;
            const inside = each.shadowRoot && find(each.shadowRoot);
            if (inside) return inside;
        }
        return null;
    };
    const slider = find(document);
    window.frameScript.length = 0;
    slider.value = value;
    const begun = performance.now();
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    requestAnimationFrame(() => requestAnimationFrame(() => done({
        latency: performance.now() - begun,
        script: Math.max(...window.frameScript),
    })));
})"""


# When the leg was first drawn, noted in the page itself: asking from outside would hold the page up.
FIRST_PICTURE = """
    const looking = setInterval(() => {
        for (const each of document.querySelectorAll('*')) {
            if (each.shadowRoot && each.shadowRoot.querySelector('.leg[data-frame]')) {
                window.legAt = performance.now();
                clearInterval(looking);
                return;
            }
        }
    }, 15);
"""


def leg_in_a_browser() -> list[Figure]:
    """Script and latency of a change (SVG, 3-D by software), bytes of a drag and of a release, first picture, sizes."""
    figures = [_sizes()]
    if run.find_chromium() is None:
        return [*figures, Figure("leg: follows the slider", None, 33, "ms", run.NO_CHROMIUM)]
    from playwright.sync_api import sync_playwright

    with app_by_run() as port, sync_playwright() as playwright:

        def browser(options: tuple[str, ...]):
            return playwright.chromium.launch(executable_path=run.find_chromium(), args=[*OPTIONS, *options])

        flat = browser(WITHOUT_3D)
        figures += _drawing(flat, port)
        figures.append(_first_picture(flat, port))
        flat.close()
        solid = browser(SOFTWARE_3D)
        figures += _three_d(solid, port)
        solid.close()
    return figures


def _sizes() -> Figure:
    script = len(gzip.compress(bundle_path().read_bytes(), 9))
    shapes = shapes_path()
    bones = shapes.stat().st_size if shapes else 0
    note = f"script {script / 1000:.1f}, shapes {bones / 1000:.1f}"
    return Figure("leg: script and shapes, compressed", (script + bones) / 1000, 160, "kB", note)


def _opened(browser, port: int, size: tuple[int, int] = (1440, 900)):
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    page.add_init_script(TIMED_FRAMES)
    socket = {"bytes": 0}

    def count(payload) -> None:
        socket["bytes"] += len(payload if isinstance(payload, bytes) else payload.encode())

    def watch(each) -> None:
        each.on("framesent", count)
        each.on("framereceived", count)

    page.on("websocket", watch)
    page.goto(f"http://127.0.0.1:{port}/explorer")
    page.locator(".leg[data-frame]").wait_for()
    page.wait_for_timeout(2500)  # until the rest of the page is at rest
    return page, socket


def _changes(page) -> tuple[list[float], list[float]]:
    answers = [page.evaluate(ONE_CHANGE, str(20 + step)) for step in range(CHANGES)]
    return [each["latency"] for each in answers], [each["script"] for each in answers]


def _drawing(browser, port: int) -> list[Figure]:
    page, socket = _opened(browser, port)
    before = socket["bytes"]
    latency, script = _changes(page)
    dragged = socket["bytes"] - before
    page.locator("input[name=knee_flexion_deg]").dispatch_event("change")
    page.wait_for_timeout(1500)
    released = socket["bytes"] - before - dragged
    page.close()
    return [
        Figure("leg, SVG: script per change, median", statistics.median(script), 2, "ms", f"{CHANGES} changes"),
        Figure("leg, SVG: slider to changed picture, median", statistics.median(latency), 33, "ms", "two frames in it"),
        Figure("leg: over the socket while dragging", dragged, 0, "B"),
        Figure("leg: over the socket on release", released / 1000, 6, "kB", "both ways"),
    ]


def _first_picture(browser, port: int) -> Figure:
    seconds = []
    for _ in range(OPENINGS):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.add_init_script(FIRST_PICTURE)
        page.goto(f"http://127.0.0.1:{port}/explorer", wait_until="commit")
        page.locator(".leg[data-frame]").wait_for()
        seconds.append(page.evaluate("window.legAt") / 1000)
        page.close()
    return Figure("leg: first picture", statistics.median(seconds), 1.2, "s", f"empty cache, median of {OPENINGS}")


def _three_d(browser, port: int) -> list[Figure]:
    page, _ = _opened(browser, port)
    page.locator(".leg label[for=picture-gl]").click()
    page.locator(".leg[data-renderer=gl], .leg[data-renderer=webgl2]").wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    latency, script = _changes(page)
    page.close()
    shown = statistics.median(latency)
    note = f"by software: {1000 / max(shown / 2, 1):.0f} frames a second at the most; no graphics card here"
    return [Figure("leg, 3-D: script per change, median", statistics.median(script), 10, "ms", note)]
