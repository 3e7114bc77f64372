"""`python -m kneewise import` and `demo`, as a person at a terminal meets them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kneewise.cli import main
from kneewise.errors import KnowledgeError
from kneewise.knowledge_base.loading import load_knowledge
from tests.outcomes_samples import NHS_ZIP, ROOT, good_rows, long_csv


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "kneewise", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module", autouse=True)
def knowledge():
    try:
        return load_knowledge()
    except KnowledgeError as problem:
        pytest.skip(f"the knowledge base does not load, which its own tests report: {problem.sentences[0]}")


def test_an_import_prints_its_report_and_the_second_one_changes_nothing(tmp_path):
    (tmp_path / "clinic.csv").write_bytes(long_csv(good_rows()))
    arguments = ("import", tmp_path / "clinic.csv", "--profile", "kneewise_long", "--store", tmp_path / "s")
    first, second = run(*arguments), run(*arguments)
    assert (first.returncode, first.stderr) == (0, "")
    assert "60 records read; 30 episodes, 60 scores, 2 sites" in first.stdout
    assert "nothing was changed" in second.stdout


def test_a_preview_stores_nothing(tmp_path):
    (tmp_path / "clinic.csv").write_bytes(long_csv(good_rows()))
    done = run("import", tmp_path / "clinic.csv", "--profile", "kneewise_long", "--store", tmp_path / "s", "--preview")
    assert done.returncode == 0
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"a,b\n1,2\n"])
def test_a_refusal_is_a_sentence_and_no_traceback(tmp_path, content):
    (tmp_path / "bad.csv").write_bytes(content)
    done = run("import", tmp_path / "bad.csv", "--profile", "kneewise_long", "--store", tmp_path / "s")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().endswith(".")
    assert not (tmp_path / "s" / "CURRENT").exists()


def test_the_demo_goes_into_its_store_and_says_synthetic(tmp_path):
    done = run("demo", "--store", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC DATA" in done.stdout
    assert "1,200 episodes" in done.stdout


@pytest.mark.skipif(not NHS_ZIP.exists(), reason="the NHS records are not on this machine")
def test_the_real_import_prints_the_known_figures(tmp_path):
    done = run("import", NHS_ZIP, "--profile", "nhs_proms", "--store", tmp_path / "nhs")
    assert done.returncode == 0, done.stderr
    for figure in ("45,635 records", "280 sites or providers", "42,657 pairs", "mean 19.110", "36.438", "40,482 improved",
                   "371 unchanged", "1,804 worse"):  # fmt: skip
        assert figure in done.stdout


def test_the_store_commands_list_undo_and_erase(tmp_path, capsys):
    folder = str(tmp_path / "s")
    assert main(["demo", "--store", folder]) == 0
    ids = tmp_path / "ids.txt"
    ids.write_text("SYN-00001\nSYN-00002\n", encoding="utf-8")
    erase = ["store", "erase", "--store", folder, "--source", "synthetic_demo"]
    assert main(erase) == 1
    assert main([*erase, "--all", "--episodes", str(ids)]) == 1
    assert main([*erase, "--episodes", str(tmp_path / "none.txt")]) == 1
    capsys.readouterr()
    assert main([*erase, "--episodes", str(ids)]) == 0
    assert "2 episodes" in capsys.readouterr().out
    assert main(["store", "versions", "--store", folder]) == 0
    assert "before the first import" in capsys.readouterr().out
    assert main(["store", "undo", "--store", folder]) == 0
    assert "no data" in capsys.readouterr().out
