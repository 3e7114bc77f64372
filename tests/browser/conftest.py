"""The app in a real browser: one server for all tests, Chromium, accessibility scan, pictures for the README.

The pictures in docs/pictures/ are taken only when KNEEWISE_PICTURES is set, so that a test run changes no file.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import run

playwright_api = pytest.importorskip("playwright.sync_api")
from axe_playwright_python.sync_playwright import Axe  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
WITHOUT_3D = ("--disable-gpu", "--disable-3d-apis")
SOFTWARE_3D = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SIZES = {"desk": (1440, 900), "tablet": (1024, 768)}
# Streamlit's page looks for its server below the page's own address first; these answers are 404 by design.
EXPECTED_CONSOLE = re.compile(r"Failed to load resource: the server responded with a status of 404")
EXPECTED_404 = re.compile(r"/[a-z_]+/_stcore/(health|host-config)$")


def pytest_collection_modifyitems(items):
    """Everything in this folder is a browser test; without a Chromium it is skipped with the way out."""
    missing = run.find_chromium() is None
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason=run.NO_CHROMIUM))


class Server:
    """A running app: `address`, `log()` so far, `stop()`."""

    def __init__(self, log_file: Path, environment: dict[str, str] | None = None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.log_file = log_file
        self._output = log_file.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            run.server_command(Path(sys.executable), port),
            cwd=ROOT,
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, **(environment or {})},
        )
        self._wait(f"{self.address}/_stcore/health")

    def _wait(self, health: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended:\n{self.log()}")
            try:
                with urllib.request.urlopen(health, timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"The server did not answer:\n{self.log()}")

    def log(self) -> str:
        """What the server wrote until now."""
        return self.log_file.read_text(encoding="utf-8")

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


@pytest.fixture(scope="session")
def demo_store() -> None:
    """The demonstration records, as `python run.py` makes them before the first start; ask for them where a test needs them."""
    run.make_demo_store(Path(sys.executable))


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """One app for all tests; they fail at the end if its log holds a traceback."""
    running = Server(tmp_path_factory.mktemp("server") / "server.log")
    yield running
    running.stop()
    assert "Traceback" not in running.log(), running.log()


@pytest.fixture
def fresh_server(tmp_path) -> Iterator[Server]:
    """An app that nobody has visited yet."""
    running = Server(tmp_path / "server.log")
    yield running
    running.stop()
    assert "Traceback" not in running.log(), running.log()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable]:
    """`chromium()` is the browser, without 3-D; `chromium(three_d=True)` one that draws 3-D by software."""
    with playwright_api.sync_playwright() as playwright:
        running = {}

        def browser(three_d: bool = False):
            if three_d not in running:
                options = [*CHROMIUM_OPTIONS, *(SOFTWARE_3D if three_d else WITHOUT_3D)]
                running[three_d] = playwright.chromium.launch(executable_path=run.find_chromium(), args=options)
            return running[three_d]

        yield browser
        for each in running.values():
            each.close()


@pytest.fixture
def new_page(chromium, server) -> Iterator[Callable]:
    """`new_page(size="tablet", scheme="dark")`: a page of its own in a window of its own, watched for its manners.

    `three_d` for a browser that can draw the leg in 3-D, `motion` for a person who has not asked for less movement.

    When the test ends, it fails if the page asked anybody but our server for anything, or if its console shows errors.
    """
    contexts, watched = [], []

    def opened(
        size: str = "desk",
        scheme: str = "light",
        address: str | None = None,
        three_d: bool = False,
        motion: bool = False,
    ):
        width, height = SIZES[size]
        context = chromium(three_d).new_context(
            viewport={"width": width, "height": height},
            base_url=address or server.address,
            color_scheme=scheme,
            reduced_motion="no-preference" if motion else "reduce",
            locale="en-GB",
            timezone_id="Europe/London",
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        seen = SimpleNamespace(external=[], console=[], refused=[])
        page.on("request", lambda request: is_external(request.url) and seen.external.append(request.url))
        page.on("response", lambda answer: answer.status >= 400 and seen.refused.append(answer.url))
        page.on("console", lambda line: line.type == "error" and seen.console.append(line.text))
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        contexts.append(context)
        watched.append(seen)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for seen in watched for url in seen.external] == []
    assert [url for seen in watched for url in seen.refused if not EXPECTED_404.search(url)] == []
    assert [text for seen in watched for text in seen.console if not EXPECTED_CONSOLE.search(text)] == []


@pytest.fixture
def page(new_page):
    """A page at 1440 x 900 in the light theme."""
    return new_page()


@pytest.fixture(scope="session")
def open_screen() -> Callable:
    """`open_screen(page, "outcomes")`: go there and wait until it is finished."""

    def opened(page, stem: str) -> None:
        page.goto(f"/{stem}")
        settle(page)

    return opened


@pytest.fixture(scope="session")
def settled() -> Callable:
    """`settled(page)`: wait until the script has run and the page shows its result."""
    return settle


@pytest.fixture(scope="session")
def serious_violations() -> Callable:
    """`serious_violations(page)`: what axe-core calls serious or critical, one readable line per element."""

    def scanned(page) -> list[str]:
        violations = Axe().run(page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {node['html'][:160]}"
            for each in violations
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    return scanned


@pytest.fixture(scope="session")
def picture() -> Callable:
    """`picture(page, "explorer")`: the screen as docs/pictures/explorer.png, if KNEEWISE_PICTURES is set."""

    def taken(page, screen: str) -> None:
        if os.environ.get("KNEEWISE_PICTURES"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.evaluate("document.fonts.ready")
            page.screenshot(path=PICTURES / f"{screen}.png", animations="disabled")

    return taken


def settle(page) -> None:
    """Wait until the script has run, nothing on the page is stale, and the heading is there."""
    page.wait_for_timeout(120)  # a click reaches the server a little later; until then the page looks settled
    page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for(state="attached")
    page.locator("h1").first.wait_for()
    # Not wait_for_function: it evaluates a string, which the app's content security policy forbids.
    playwright_api.expect(page.locator("[data-stale=true], [data-testid=stSkeleton]")).to_have_count(0, timeout=20_000)


def is_external(url: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))
