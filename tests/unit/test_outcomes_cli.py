"""`python -m kneewise import` and `demo`, as a person at a terminal meets them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kneewise import cli
from kneewise.cli import main
from kneewise.errors import KnowledgeError, StoreError
from kneewise.knowledge_base.loading import load_knowledge
from kneewise.outcomes import publishing
from kneewise.outcomes.store import EMPTY_VERSION, current_version, published_version
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


@pytest.fixture
def clinic(tmp_path, capsys):
    """`clinic(people, ...)`: import an export of these people; returns what was printed. Then every `store` command."""
    folder = str(tmp_path / "s")

    class Clinic:
        store = tmp_path / "s"

        def take(self, numbers, *more: str) -> str:
            (tmp_path / "export.csv").write_bytes(long_csv(some_rows(numbers)))
            command = ["import", str(tmp_path / "export.csv"), "--profile", "kneewise_long", "--store", folder, *more]
            assert main(command) == 0
            return capsys.readouterr().out

        def run(self, action: str, *more: str) -> tuple[int, str, str]:
            code = main(["store", action, "--store", folder, *more])
            said = capsys.readouterr()
            return code, said.out, said.err

        def report(self) -> tuple[int, str]:
            out = str(tmp_path / "report.pdf")
            return main(["report", "--store", folder, "--year", "2024", "--out", out]), capsys.readouterr().err

    return Clinic()


def some_rows(numbers) -> list[str]:
    rows = []
    for number in numbers:
        start = f"E{number},{'North' if number % 2 else 'South'},18 to 39,{'female' if number % 4 < 2 else 'male'}"
        rows += [f"{start},exercise only,2024,Q1,AKPS,{day},{value + number % 7}" for day, value in ((0, 50), (42, 65))]
    return rows


def test_after_an_undo_the_shared_figures_go_back_too_or_it_is_said_why_not(clinic):
    clinic.take(range(120))
    first = current_version(clinic.store)
    clinic.take(range(240))
    assert published_version(clinic.store) == current_version(clinic.store) != first
    code, said, _ = clinic.run("undo")
    assert code == 0
    assert f"Version {first} counts again." in said
    assert "Shared figures are made from these records." in said
    assert published_version(clinic.store) == first
    clinic.take(range(240))
    clinic.take(range(243))
    clinic.run("undo")
    few = published_version(clinic.store)
    code, said, _ = clinic.run("undo")  # from 240 people, whose figures are shared, to 120: enough
    assert published_version(clinic.store) == first != few


def test_an_undo_that_would_give_few_people_away_names_the_way_out(clinic):
    clinic.take(range(117))
    first = current_version(clinic.store)
    clinic.take(range(120))
    assert published_version(clinic.store) == first
    assert clinic.run("release", "--version", current_version(clinic.store))[0] == 0
    code, said, _ = clinic.run("undo")
    assert code == 0
    assert "fewer than 10 people" in said
    assert "store withdraw" in said
    assert published_version(clinic.store) != first == current_version(clinic.store)
    code, said, _ = clinic.run("withdraw")
    assert (code, "withdrawn" in said) == (0, True)
    assert published_version(clinic.store) == EMPTY_VERSION
    code, said = clinic.report()
    assert code == 1
    assert "Shared figures are withdrawn" in said
    assert "store release" in said
    code, said, _ = clinic.run("versions")
    assert "Shared figures are withdrawn" in said
    assert clinic.run("release", "--version", first)[0] == 0
    assert clinic.report()[0] == 0


def test_an_undo_to_before_the_first_import_takes_the_shared_figures_along(clinic):
    clinic.take(range(120))
    assert clinic.run("undo")[0] == 0
    assert published_version(clinic.store) == EMPTY_VERSION
    said = clinic.take(range(119))
    assert "store release --version" in said
    assert "Shared figures are made" not in said
    assert published_version(clinic.store) == EMPTY_VERSION
    assert clinic.report()[0] == 1


def test_an_erasure_says_what_becomes_of_the_shared_figures(clinic, tmp_path):
    clinic.take(range(240))
    ids = tmp_path / "ids.txt"
    ids.write_text("E3\ne5\n", encoding="utf-8")
    code, said, _ = clinic.run("erase", "--source", "kneewise_long", "--episodes", str(ids))
    assert code == 0
    assert "1 of the 2 ids named was not found" in said
    assert "withdrawn" in said
    assert clinic.report()[0] == 1
    code, said, _ = clinic.run("release")
    assert code == 1  # not by itself
    assert clinic.run("release", "--version", current_version(clinic.store))[0] == 0
    assert clinic.report()[0] == 0


def test_a_release_without_a_version_is_of_the_newest_where_it_is_safe(clinic):
    clinic.take(range(120))
    clinic.take(range(123))
    code, said, refused = clinic.run("release")
    assert (code, said) == (1, "")
    assert "fewer than 10 people" in refused
    assert clinic.run("release", "--version", "0123456789ab")[0] == 1
    assert clinic.run("release", "--version", "newest")[0] == 1


def test_the_same_people_under_another_name_are_said_and_not_shared(clinic):
    clinic.take(range(120))
    first = published_version(clinic.store)
    said = clinic.take(range(119), "--source", "again")
    assert "The same episodes are shared under 'kneewise_long' already" in said
    assert "Shared figures are made" not in said
    assert published_version(clinic.store) == first


def unread(*arguments, unbuffered: bool, errors_too: bool = False) -> tuple[int, str]:
    """Exit code and stderr of a command whose reader is gone before it prints, as with `| head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kneewise", *map(str, arguments)],
            cwd=ROOT,
            stdout=writing,
            stderr=writing if errors_too else subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""},
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.mark.skipif(os.name != "posix", reason="a pipe that nobody reads is told otherwise elsewhere")
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (("--help",), False),  # unbuffered, the parser itself keeps quiet about it
        (("knowledge", "check"), False),
        (("leg", "knee_flexion_deg=60"), True),
    ],
    ids=["help", "when it ends", "at its first line"],
)
def test_a_command_whose_reader_went_away_ends_quietly(arguments, unbuffered):
    code, errors = unread(*arguments, unbuffered=unbuffered)
    assert code == cli.READER_GONE
    assert "Broken" not in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name != "posix", reason="a pipe that nobody reads is told otherwise elsewhere")
def test_a_refusal_that_nobody_reads_ends_quietly_too(tmp_path):
    refused = ("import", tmp_path / "none.csv", "--profile", "kneewise_long", "--store", tmp_path / "s")
    assert unread(*refused, unbuffered=False, errors_too=True)[0] == cli.READER_GONE


@pytest.mark.skipif(os.name != "posix", reason="a pipe that nobody reads is told otherwise elsewhere")
def test_an_import_whose_report_nobody_reads_is_finished_all_the_same(tmp_path):
    (tmp_path / "clinic.csv").write_bytes(long_csv(good_rows()))
    store = tmp_path / "s"
    arguments = ("import", tmp_path / "clinic.csv", "--profile", "kneewise_long", "--store", store)
    code, errors = unread(*arguments, unbuffered=True)
    assert (code, errors) == (cli.READER_GONE, "")
    assert published_version(store) == current_version(store) is not None


def test_what_was_imported_is_said_also_where_it_cannot_be_shared(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise StoreError("Another import is under way.")

    monkeypatch.setattr(publishing, "publish_if_safe", refuse)
    (tmp_path / "clinic.csv").write_bytes(long_csv(good_rows()))
    command = ["import", str(tmp_path / "clinic.csv"), "--profile", "kneewise_long", "--store", str(tmp_path / "s")]
    assert main(command) == 1
    said = capsys.readouterr()
    assert "30 episodes" in said.out
    assert said.err == "Another import is under way.\n"
