"""The set-up script: what it needs, what it says when it can't go on. Nothing here installs or starts anything real."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).resolve().parents[2]


def test_an_older_python_gets_a_sentence():
    """The check stands before everything that an older Python lacks, and says what to do."""
    source = (ROOT / "run.py").read_text(encoding="utf-8")
    pretend = source.replace("import sys\n", "import sys\nsys.version_info = (3, 9, 2)\n", 1)
    answer = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True)
    assert answer.returncode == 1
    assert answer.stderr.strip().startswith("Kneewise needs Python 3.11 or newer; this is Python 3.9.")
    assert "Traceback" not in answer.stderr


def test_an_older_python_can_read_the_script_at_all():
    """Grammar of Python 3.8: otherwise a SyntaxError would come before the sentence."""
    ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_a_taken_port_gets_a_sentence_with_the_way_out(monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run.main(["--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"Port {port} is taken" in said
    assert "python run.py --port" in said


@pytest.mark.parametrize("text", ["0", "65536", "-1", "knee"])
def test_a_port_that_cannot_be_is_refused(text, capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(["--port", text])
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_an_unknown_word_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(["start", "--verbose"])
    assert ended.value.code == 2


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A repository of two requirement files, without packages or network."""
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "VENV", tmp_path / ".venv")
    (tmp_path / "requirements.txt").write_text("", encoding="utf-8")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\n", encoding="utf-8")
    return tmp_path


def test_the_first_start_makes_an_environment_and_the_second_touches_nothing(elsewhere, monkeypatch):
    python = run.install("requirements.txt")
    assert subprocess.run([str(python), "-c", "import pip"]).returncode == 0

    def installing_again(*_arguments, **_options):
        raise AssertionError("a second start runs no pip")

    monkeypatch.setattr(run.subprocess, "run", installing_again)
    assert run.install("requirements.txt") == python


def test_a_changed_requirement_is_noticed(elsewhere):
    before = run.fingerprint("requirements-dev.txt")
    (elsewhere / "requirements.txt").write_text("something==1\n", encoding="utf-8")
    assert run.fingerprint("requirements-dev.txt") != before


def test_packages_out_of_reach_get_one_sentence(elsewhere, monkeypatch):
    (elsewhere / "requirements.txt").write_text("a-package-of-nobody==1.0\n", encoding="utf-8")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(run.CannotGoOn) as said:
        run.install("requirements.txt")
    assert "reaches the internet" in str(said.value)
    assert (elsewhere / ".venv" / "install.log").read_text(encoding="utf-8") != ""
    assert list((elsewhere / ".venv").glob("*.stamp")) == []


def test_an_environment_that_was_interrupted_is_made_anew(elsewhere):
    broken = run.venv_python()
    broken.parent.mkdir(parents=True)
    broken.write_text("", encoding="utf-8")
    if os.name != "nt":
        broken.chmod(0o755)
    python = run.install("requirements.txt")
    assert subprocess.run([str(python), "--version"], capture_output=True).returncode == 0


def test_without_chromium_there_is_one_sentence_and_the_tests_run(elsewhere, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(run, "install", lambda _requirements: Path("python"))
    monkeypatch.setattr(run, "find_chromium", lambda: None)
    monkeypatch.setattr(run, "install_chromium", lambda: False)
    monkeypatch.setattr(run, "run", lambda command: ran.append(command) or 5)
    assert run.main(["test", "-k", "knee"]) == 5
    assert run.NO_CHROMIUM in capsys.readouterr().out
    assert ran == [[Path("python"), "-m", "pytest", "-k", "knee"]]


def test_all_tests_run_in_two_parts_and_one_failure_is_enough(elsewhere, monkeypatch):
    codes = iter((0, 1))
    ran = []
    monkeypatch.setattr(run, "install", lambda _requirements: Path("python"))
    monkeypatch.setattr(run, "find_chromium", lambda: "chromium")
    monkeypatch.setattr(run, "run", lambda command: ran.append(command) or next(codes))
    assert run.main(["test"]) == 1
    assert [("tests/browser" in command, "--ignore" in command) for command in ran] == [(True, True), (True, False)]


def test_chromium_can_be_named(tmp_path, monkeypatch):
    browser = tmp_path / "my browser"
    browser.write_text("", encoding="utf-8")
    monkeypatch.setenv("KNEEWISE_CHROMIUM", str(browser))
    assert run.find_chromium() == str(browser)
    monkeypatch.setenv("KNEEWISE_CHROMIUM", str(tmp_path / "absent"))
    assert run.find_chromium() is None


def test_a_server_that_ends_at_once_gets_a_sentence():
    server = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    server.wait()
    with pytest.raises(run.CannotGoOn, match="ended before it was ready"):
        run.wait_until_it_answers(server, 1)
