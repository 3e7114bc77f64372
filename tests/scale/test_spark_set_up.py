"""`python run.py spark`: what it needs, what it runs, and that its packages are those of the app. Nothing is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import run

ROOT = Path(__file__).resolve().parents[2]


def pins(name: str) -> dict[str, str]:
    """Package -> version that a requirement file pins."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_spark_is_asked_what_the_app_asks_with_the_same_packages():
    """All but pandas, which is the reason for an environment of its own."""
    app = pins("requirements.txt") | pins("requirements-dev.txt")
    own = pins("requirements-spark.txt")
    differing = {name for name, version in own.items() if app.get(name) != version}
    assert differing == {"pyspark", "pandas"}
    assert int(own["pandas"].split(".")[0]) < 3 <= int(app["pandas"].split(".")[0])


def test_the_tests_of_both_engines_run_in_an_environment_of_their_own(monkeypatch):
    installed, ran = [], []
    monkeypatch.setattr(run, "find_java", lambda: "java")
    monkeypatch.setattr(run, "install", lambda *what: installed.append(what) or Path("python"))
    monkeypatch.setattr(run, "run", lambda command: ran.append(command) or 0)
    assert run.main(["spark"]) == 0
    assert run.main(["spark", "-k", "two"]) == 0
    assert set(installed) == {("requirements-spark.txt", run.SPARK_VENV)}
    assert ran == [[Path("python"), "-m", "pytest", "tests/scale", *rest] for rest in ([], ["-k", "two"])]


def test_without_java_there_is_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert run.main(["spark"]) == 1
    assert "Spark needs Java 17 or newer: install it" in capsys.readouterr().err


def test_an_environment_of_its_own_leaves_that_of_the_app_alone(monkeypatch, tmp_path):
    """Where the packages go, and where the stamp lies that remembers them."""
    monkeypatch.setattr(run, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(run, "make_venv", lambda venv: venv.mkdir())
    ran = []
    monkeypatch.setattr(
        run.subprocess, "run", lambda command, **_: ran.append(command) or subprocess.CompletedProcess(command, 0)
    )
    python = run.install("requirements-spark.txt", tmp_path / ".venv-spark")
    assert ran[0][0] == str(python)
    assert python.is_relative_to(tmp_path / ".venv-spark")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".venv-spark",
        "install.log",
        "kneewise-requirements-spark.stamp",
    ]
