"""Each measurement as one function that returns its figures beside their aims."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

import run
from benchmarks.wire import Tab
from kneewise.ui.frame import SCREENS

ROOT = Path(__file__).resolve().parents[1]
RECORDS = Path(
    os.environ.get("KNEEWISE_NHS_RECORDS")
    or ROOT.parent / "shared" / "real-data" / "nhs-proms-2018-19" / "Knee Replacement Provider 1819.csv.zip"
)
CHANGES = 60  # per page
STARTS = 3


@dataclass(frozen=True)
class Figure:
    """One measured value (None where it could not be measured, with the reason in `note`) and its aim."""

    what: str
    value: float | None
    aim: float
    unit: str
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the aim is reached; None where nothing was measured."""
        return None if self.value is None else self.value <= self.aim


def start_to_usable_page() -> list[Figure]:
    """Seconds from `python run.py` (everything installed) until the first page can be used, median of a few."""
    what = "second start to a usable page"
    if run.find_chromium() is None:
        return [Figure(what, None, 4, "s", run.NO_CHROMIUM)]
    from playwright.sync_api import sync_playwright

    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=run.find_chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for _ in range(STARTS):
            page = browser.new_context().new_page()
            begun = time.perf_counter()
            with app_by_run() as port:
                page.goto(f"http://127.0.0.1:{port}/")
                page.wait_for_url("**/explorer")
                page.locator("h1").wait_for()
                page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for(state="attached")
                seconds.append(time.perf_counter() - begun)
            page.close()
        browser.close()
    return [Figure(what, statistics.median(seconds), 4, "s", f"median of {STARTS}; browser already open")]


def reruns() -> list[Figure]:
    """Server time and bytes of one changed input on every page: median, 95th percentile, largest answer."""
    figures = []
    with app_by_run() as port:
        for stem, screen in SCREENS.items():
            tab = Tab.opened(port)
            tab.visit(stem)
            tab.rerun()
            widgets = sorted(tab.widgets)
            runs = []
            for number in range(CHANGES):
                # A change may take other widgets off the page; those that are still there go on in turn.
                there = [each for each in widgets if each in tab.widgets] or [None]
                chosen = there[number % len(there)]
                runs.append(tab.rerun() if chosen is None else tab.change(chosen))
            tab.close()
            milliseconds = sorted(each.seconds * 1000 for each in runs)
            note = f"{len(runs)} changes of {len(widgets)} inputs" if widgets else f"{len(runs)} reruns, no input here"
            figures += [
                Figure(f"{screen.title}: rerun, median", statistics.median(milliseconds), 60, "ms", note),
                Figure(f"{screen.title}: rerun, 95 %", milliseconds[int(0.95 * len(milliseconds))], 150, "ms"),
                Figure(f"{screen.title}: sent", max(each.received_bytes for each in runs) / 1000, 100, "kB", "largest"),
            ]
    return figures


def import_of_real_records() -> list[Figure]:
    """Seconds and peak memory of importing the NHS England records from the zip, in a process of its own."""
    names = ("import of the real records", "memory of that import")
    if not RECORDS.is_file():
        absent = "records not found; KNEEWISE_NHS_RECORDS names them"
        return [Figure(names[0], None, 5, "s", absent), Figure(names[1], None, 600, "MB", absent)]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "kneewise",
            "import",
            str(RECORDS),
            "--profile",
            "nhs_proms",
            "--store",
            folder,
        ]
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        peak = peak_memory_mb(process)
        seconds = time.perf_counter() - begun
        output = process.stdout.read() if process.stdout else ""
    if process.returncode != 0:
        last = (output.strip().splitlines() or ["no message"])[-1]
        return [Figure(names[0], None, 5, "s", f"refused: {last}"), Figure(names[1], None, 600, "MB", "refused")]
    return [Figure(names[0], seconds, 5, "s", "process start included"), Figure(names[1], peak, 600, "MB", "resident")]


def peak_memory_mb(process: subprocess.Popen) -> float:
    """The largest resident memory of a process until it ends, looked at every 5 ms."""
    watched = psutil.Process(process.pid)
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.005)
    process.wait()
    return peak / 1_000_000


@contextmanager
def app_by_run() -> Iterator[int]:
    """The app as `python run.py` starts it; yields the port as soon as it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(process: subprocess.Popen, port: int) -> None:
    """Return as soon as the app on `port` answers; raises RuntimeError if it ends or stays silent for a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("The app ended before it could be measured; the reason stands above.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("The app did not answer within a minute.")
