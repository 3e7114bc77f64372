"""The door to the engines: which one the setting chooses, what it does with odd files, and what it says when it can't."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kneewise.errors import StoreError
from kneewise.outcomes import engines
from kneewise.outcomes.engines import EngineFailure, LostFile, TableFiles, chosen_engine, open_engine
from kneewise.outcomes.store import Store, current_version, forget_opened, open_store, read_version
from tests.outcomes_samples import ROOT
from tests.store_samples import put


@pytest.mark.parametrize(
    ("said", "meant"), [(None, "duckdb"), ("", "duckdb"), ("DuckDB", "duckdb"), (" spark ", "spark")]
)
def test_one_setting_chooses(monkeypatch, said, meant):
    if said is None:
        monkeypatch.delenv("KNEEWISE_ENGINE", raising=False)
    else:
        monkeypatch.setenv("KNEEWISE_ENGINE", said)
    assert chosen_engine() == meant


def test_the_store_asks_the_engine_that_is_chosen(engine, opened):
    asked = []

    def question(table):
        asked.append(table("episode").get_backend().name)
        return table("episode").aggregate(n=table("episode").count())

    assert opened("random", engine).ask(question)["n"].tolist() == [800]
    assert asked == [{"duckdb": "duckdb", "spark": "pyspark"}[engine]]


def test_an_unknown_engine_gets_a_sentence(monkeypatch, tmp_path):
    put(tmp_path / "s", 10)
    monkeypatch.setenv("KNEEWISE_ENGINE", "abacus")
    forget_opened()
    with pytest.raises(StoreError, match="it can be duckdb or spark"):
        open_store(tmp_path / "s")


def test_without_pyspark_there_is_a_way_out(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda _name: None)
    with pytest.raises(StoreError, match=r"`python run\.py spark`.*leave KNEEWISE_ENGINE unset"):
        open_engine({}, "spark")


@pytest.mark.parametrize("home", ["empty", None])
def test_without_java_there_is_a_way_out(monkeypatch, tmp_path, home):
    monkeypatch.setattr(engines, "find_spec", lambda name: name)
    monkeypatch.setenv("PATH", str(tmp_path))
    if home:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / home))
    else:
        monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StoreError, match="needs Java 17 or newer"):
        open_engine({}, "spark")


def at_a_terminal(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """What Python, started with these arguments and settings, wrote."""
    command = [sys.executable, *map(str, arguments)]
    settings = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=250)


def funnel_of(folder, **environment: str) -> subprocess.CompletedProcess:
    """`python -m kneewise outcomes funnel` of the store in the folder."""
    arguments = ("-m", "kneewise", "outcomes", "funnel", "--measure", "akps", "--by", "sex", "--store", folder)
    return at_a_terminal(*arguments, **environment)


def test_the_command_line_says_the_same(folders, spark_here):
    one = funnel_of(folders["demo"], KNEEWISE_ENGINE="duckdb")
    other = funnel_of(folders["demo"], KNEEWISE_ENGINE="spark", KNEEWISE_SPARK_MASTER="local[1]")
    assert one.returncode == other.returncode == 0
    assert "female" in one.stdout
    assert other.stdout == one.stdout


@pytest.mark.parametrize(("master", "java"), [("nonsense", True), ("local[1]", False)])
def test_spark_that_does_not_start_gets_a_sentence(spark_here, tmp_path, master, java):
    """A master that there is not, and a Java that ends at once."""
    put(tmp_path / "s", 10)
    home = {}
    if not java:
        broken = tmp_path / "jdk" / "bin" / "java"
        broken.parent.mkdir(parents=True)
        broken.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
        broken.chmod(0o755)
        home = {"JAVA_HOME": str(broken.parents[1])}
    done = funnel_of(tmp_path / "s", KNEEWISE_ENGINE="spark", KNEEWISE_SPARK_MASTER=master, **home)
    assert done.returncode == 1
    assert "Spark could not be started: look whether Java is 17 or newer" in done.stderr
    assert "Traceback" not in done.stderr


FALLS_OVER = """
import sys
from pathlib import Path
from kneewise.outcomes.engines import EngineFailure, TableFiles, open_engine
answers = open_engine({"rows": TableFiles((Path(sys.argv[1]),))}, "spark")
try:
    answers.ask(lambda table: table("rows").aggregate(total=table("rows")["value"].cast("int64").sum()))
except EngineFailure as failure:
    print(failure)
"""


def test_spark_writes_no_value_to_the_screen(spark_here, tmp_path):
    """Left alone, it does so three times: as a log of its own, as one of PySpark, and as a warning."""
    table_of(tmp_path / "rows.parquet", value=pa.array(["12", "secret"]))
    done = at_a_terminal("-c", FALLS_OVER, tmp_path / "rows.parquet", KNEEWISE_SPARK_MASTER="local[1]")
    assert "Spark could not answer (CAST_INVALID_INPUT)" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def table_of(path, **columns) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def test_files_of_one_table_may_differ_in_columns_and_types(engine, tmp_path):
    """A folder may be called anything; what a file lacks, and what is null in all of it, is null."""
    folder = tmp_path / "odd [1] {a,b} 100% 'q' *?"
    table_of(
        folder / "one.parquet",
        who=pa.array(["a", "b"]),
        day=pa.array([1, None], pa.int32()),
        note=pa.nulls(2),
        empty=pa.nulls(2),
    )
    table_of(
        folder / "two.parquet",
        who=pa.array(["c"]).dictionary_encode(),
        day=pa.array([3], pa.int64()),
        note=pa.array(["x"]),
        empty=pa.nulls(1),
    )
    table_of(folder / "none.parquet", who=pa.array([], pa.string()), yes=pa.array([], pa.bool_()))
    files = TableFiles(tuple(folder / f"{name}.parquet" for name in ("one", "two", "none")), {"later": "INTEGER"})
    answers = open_engine({"rows": files}, engine)

    def question(table):
        rows = table("rows")
        counts = {name: rows[name].count() for name in ("who", "day", "note", "empty", "yes", "later")}
        return rows.aggregate(all=rows.count(), days=rows["day"].sum(), **counts)

    assert answers.ask(question).iloc[0].to_dict() == {
        "all": 3, "days": 4, "who": 3, "day": 2, "note": 1, "empty": 0, "yes": 0, "later": 0,
    }  # fmt: skip


def count_of(table):
    return table("rows").aggregate(total=table("rows")["value"].sum())


def test_a_file_that_is_not_there_is_told_from_one_that_is_damaged(engine, tmp_path):
    path = tmp_path / "rows.parquet"
    with pytest.raises(LostFile):
        open_engine({"rows": TableFiles((path,))}, engine)
    table_of(path, value=pa.array([1.5, 2.5]), name=pa.array(["secret", "other"]))
    answers = open_engine({"rows": TableFiles((path,))}, engine)
    assert answers.ask(count_of)["total"].tolist() == [4.0]
    size = path.stat().st_size
    path.write_bytes(b"PAR1" + b"\0" * (size - 8) + b"PAR1")
    with pytest.raises(EngineFailure) as damaged:
        answers.ask(count_of)
    assert not isinstance(damaged.value, LostFile)
    assert str(tmp_path) not in str(damaged.value)
    path.write_bytes(b"no Parquet at all")
    with pytest.raises(EngineFailure) as damaged:
        open_engine({"rows": TableFiles((path,))}, engine)
    assert not isinstance(damaged.value, LostFile)
    path.unlink()
    with pytest.raises(LostFile):
        answers.ask(count_of)


def test_what_an_engine_stumbles_over_is_not_repeated(engine, tmp_path):
    """The engine's own words name the value; the sentence must not."""
    path = tmp_path / "rows.parquet"
    table_of(path, value=pa.array(["12", "secret"]))
    answers = open_engine({"rows": TableFiles((path,))}, engine)
    with pytest.raises(EngineFailure) as failed:
        answers.ask(lambda table: table("rows").aggregate(total=table("rows")["value"].cast("int64").sum()))
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is not None


def test_the_store_says_which_source_is_damaged_and_what_was_replaced(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("KNEEWISE_ENGINE", engine)
    folder = tmp_path / "s"
    put(folder, 10)
    store = Store(folder, read_version(folder, current_version(folder)))
    path = folder / "files" / store.sources[0].files["score"]
    kept = path.read_bytes()
    path.write_bytes(b"PAR1" + b"\0" * (len(kept) - 8) + b"PAR1")

    def question(table):
        return table("score").aggregate(n=table("score")["value"].sum())

    with pytest.raises(StoreError, match="clinic"):
        store.ask(question)
    path.write_bytes(kept)
    put(folder, 12)
    path.unlink(missing_ok=True)
    with pytest.raises(StoreError, match="replaced in the meantime"):
        store.ask(question)


def test_no_process_of_spark_listens_to_the_network(opened, spark_here):
    """Its ports need no password; all of this machine's own are closed to others."""
    if shutil.which("ss") is None:
        pytest.skip("`ss` (iproute2) says which ports are open; it is not here")
    opened("random", "spark")
    lines = subprocess.run(["ss", "-ltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    mine = [line.split()[3] for line in lines if '"java"' in line and is_of_this_process(line)]
    assert mine
    assert [address for address in mine if "127.0.0.1" not in address] == []


def is_of_this_process(line: str) -> bool:
    """Whether the port's owner descends from this process."""
    place = int(line.split("pid=")[1].split(",")[0])
    while place > 1:
        if place == os.getpid():
            return True
        try:
            with open(f"/proc/{place}/stat", encoding="utf-8", errors="replace") as file:
                place = int(file.read().rsplit(")", 1)[1].split()[1])
        except FileNotFoundError:
            return False
    return False
