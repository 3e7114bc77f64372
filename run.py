"""Set up and start Kneewise: `python run.py`. Also: `python run.py test | check | bench | spark`.

Needs Python 3.11 or newer and nothing else. Makes `.venv` beside this file, installs the pinned packages into it once
(a stamp remembers which), makes the demonstration records, starts the app on this machine only and prints its address.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - somebody with an older Python is to read a sentence, not a traceback
    sys.exit(
        "Kneewise needs Python 3.11 or newer; this is Python {}.{}. "
        "Install a newer one from python.org or your system's packages, and run this again with it.".format(
            *sys.version_info[:2]
        )
    )

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SPARK_VENV = ROOT / ".venv-spark"
ADDRESS = "127.0.0.1"
PORT = 8501
DEMO_STORE = ROOT / "data" / "store" / "demo"
SECONDS_TO_START = 90
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
)
NO_CHROMIUM = (
    "The browser tests are skipped, because there is no Chromium here: install it (Debian, Ubuntu: "
    "`sudo apt-get install chromium`; macOS, Windows: Google Chrome), or put its path into KNEEWISE_CHROMIUM."
)
NO_JAVA = (
    "Spark needs Java 17 or newer: install it (Debian, Ubuntu: `sudo apt-get install openjdk-17-jre-headless`), or say in "
    "JAVA_HOME where it is, and run this again. Everything else of Kneewise does without it."
)


class CannotGoOn(Exception):
    """What stopped the set-up, as one sentence for the person at the keyboard."""


def main(arguments: Sequence[str]) -> int:
    """Do what was asked; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python run.py", description="Set up and start Kneewise.")
    parser.add_argument("command", nargs="?", choices=["start", "test", "check", "bench", "spark"], default="start")
    parser.add_argument("--port", type=port_number, default=PORT, help=f"where the app listens (default {PORT})")
    parsed, rest = parser.parse_known_args(arguments)
    if rest and parsed.command not in ("test", "bench", "spark"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if parsed.command == "start":
            return start(parsed.port)
        return {"test": test, "check": check, "bench": bench, "spark": spark}[parsed.command](rest)
    except CannotGoOn as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130


def port_number(text: str) -> int:
    """`text` as a port from 1 to 65535; argparse turns the ValueError into a usage message."""
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError(text)
    return port


def start(port: int) -> int:
    """Set up, start the app and wait until it ends or somebody presses Ctrl-C; returns the exit code."""
    check_port_is_free(port)
    python = install("requirements.txt")
    make_demo_store(python)
    signal.signal(signal.SIGTERM, _as_keyboard_interrupt)
    server = subprocess.Popen(server_command(python, port), cwd=ROOT, stdout=subprocess.DEVNULL, env=quiet())
    try:
        wait_until_it_answers(server, port)
        print(f"Kneewise is ready: http://{ADDRESS}:{port}   (Ctrl-C ends it)", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        print("\nKneewise has stopped.")
        return 0
    finally:
        end(server)


def server_command(python: Path, port: int) -> list[str]:
    """The command that serves the app on this machine only.

    Uvicorn opens the port itself: the socket that `streamlit run` opens leaves Nagle's algorithm on, and every answer
    then waits 40 ms for the browser's acknowledgement (measured; docs/decisions/0001-frame.md).
    """
    server = "kneewise.ui.server:app"
    quietly = ("--no-access-log", "--log-level", "warning")
    return [str(python), "-m", "uvicorn", server, "--host", ADDRESS, "--port", str(port), *quietly]


def test(pytest_arguments: Sequence[str]) -> int:
    """Set up what the tests need and run them; returns pytest's exit code.

    Without arguments all tests run: first those without a browser, on two processes, then those in a browser, one by
    one, because a browser and the app fill two cores by themselves.
    """
    python = install("requirements-dev.txt")
    if find_chromium() is None and not install_chromium():
        print(NO_CHROMIUM)
    if pytest_arguments:
        return run([python, "-m", "pytest", *pytest_arguments])
    without_browser = run([python, "-m", "pytest", "-n", "2", "--ignore", "tests/browser"])
    in_browser = run([python, "-m", "pytest", "tests/browser"])
    return max(without_browser, in_browser)


def check(_rest: Sequence[str]) -> int:
    """Check the style of the code and every knowledge file; returns 0 if both are fine."""
    python = install("requirements-dev.txt")
    codes = [run([python, "-m", "ruff", "check", "."]), run([python, "-m", "kneewise", "knowledge", "check"])]
    return max(codes)


def bench(rest: Sequence[str]) -> int:
    """Measure what docs promise about speed and memory, and print the figures beside their aims."""
    python = install("requirements-dev.txt")
    make_demo_store(python)
    return run([python, "-m", "benchmarks", *rest])


def spark(pytest_arguments: Sequence[str]) -> int:
    """Set up Spark in `.venv-spark` and ask both engines the same questions there; returns pytest's exit code.

    An environment of its own, because PySpark does not support the pandas of the app yet
    (docs/decisions/0008-engines.md). The arguments can choose among these tests: `-k`.
    """
    if find_java() is None:
        raise CannotGoOn(NO_JAVA)
    python = install("requirements-spark.txt", SPARK_VENV)
    return run([python, "-m", "pytest", "tests/scale", *pytest_arguments])


def install(requirements: str, venv: Path | None = None) -> Path:
    """The path of the Python of `.venv` (or another one), with the packages of `requirements` in it; raises CannotGoOn."""
    venv = venv or VENV
    python = venv_python(venv)
    stamp = venv / f"kneewise-{Path(requirements).stem}.stamp"
    wanted = fingerprint(requirements)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    if not answers(python):
        print(f"Making {venv.name} ...", flush=True)
        make_venv(venv)
    print(f"Installing {requirements} (only now and when it changes; takes a few minutes) ...", flush=True)
    log = venv / "install.log"
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", ROOT / requirements]
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run([str(part) for part in command], cwd=ROOT, stdout=output, stderr=output).returncode
    if code != 0:
        raise CannotGoOn(
            "The packages could not be installed: look whether this machine reaches the internet or your package "
            f"index (PIP_INDEX_URL names another one), and run this again; what pip said is in {log}."
        )
    stamp.write_text(wanted, encoding="utf-8")
    return python


def fingerprint(requirements: str) -> str:
    """A hash of the requirement files and the running Python: changes whenever an installation is due."""
    content = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name in dict.fromkeys(("requirements.txt", requirements)):
        content.update((ROOT / name).read_bytes())
    return content.hexdigest()


def make_venv(venv: Path) -> None:
    """Make the environment anew; raises CannotGoOn where Python lacks the parts for it."""
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], capture_output=True).returncode != 0:
        raise CannotGoOn(
            "This Python can't make a virtual environment: install its `venv` part "
            "(Debian, Ubuntu: `sudo apt-get install python3-venv`) and run this again."
        )


def venv_python(venv: Path | None = None) -> Path:
    """Where the Python of `.venv` (or of another environment) is, or will be."""
    return (venv or VENV) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def answers(python: Path) -> bool:
    """Whether this Python exists, starts and has pip: an interrupted set-up leaves one that doesn't."""
    if not python.exists():
        return False
    try:
        return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def make_demo_store(python: Path) -> None:
    """Make the demonstration records where there are none; raises CannotGoOn if that fails."""
    if (DEMO_STORE / "CURRENT").exists():
        return
    print("Making the demonstration records ...", flush=True)
    if run([python, "-m", "kneewise", "demo", "--store", DEMO_STORE]) != 0:
        raise CannotGoOn("The demonstration records could not be made; the reason stands above.")


def check_port_is_free(port: int) -> None:
    """Nothing if the app can listen on `port`; raises CannotGoOn with the way out otherwise."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # a port that was closed a moment ago is free; on Windows the option means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            raise CannotGoOn(
                f"Port {port} is taken or not allowed (is Kneewise running already at http://{ADDRESS}:{port} ?); "
                f"choose another: python run.py --port {port + 1 if port < 65535 else PORT}"
            ) from None


def wait_until_it_answers(server: subprocess.Popen, port: int) -> None:
    """Return as soon as the app can be opened; raises CannotGoOn if it ends or stays silent."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CannotGoOn("The app ended before it was ready; the reason stands above.")
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}:{port}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise CannotGoOn(f"The app did not answer within {SECONDS_TO_START} seconds.")


def end(server: subprocess.Popen) -> None:
    """Let the server finish (Ctrl-C has reached it too), and end it if it doesn't."""
    try:
        server.wait(timeout=3)
    except subprocess.TimeoutExpired:
        server.terminate()
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def find_java() -> str | None:
    """The path of Java: in JAVA_HOME where that is set, else on the PATH; or None."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin") if home else None)


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome on this machine, or None."""
    named = os.environ.get("KNEEWISE_CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    found = (shutil.which(name) for name in CHROMIUM_NAMES)
    installed = (place for place in CHROMIUM_PLACES if Path(place).is_file())
    return next((path for path in (*found, *installed) if path), None)


def install_chromium() -> bool:
    """Install Debian's Chromium where that is possible without asking anybody; whether there is one afterwards."""
    if shutil.which("apt-get") is None:
        return False
    if os.geteuid() == 0:
        as_root: list[str] = []
    elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        as_root = ["sudo", "-n"]
    else:
        return False
    print("Installing Chromium for the browser tests ...", flush=True)
    for action in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run([*as_root, "apt-get", "-q", *action], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return find_chromium() is not None


def quiet() -> Mapping[str, str]:
    """The environment of what is started: UTF-8 wherever Python writes (Windows consoles differ)."""
    return {**os.environ, "PYTHONUTF8": "1"}


def run(command: Sequence[str | Path]) -> int:
    """Run a command in the repository, with its output on screen; returns its exit code."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=quiet()).returncode


def _as_keyboard_interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
