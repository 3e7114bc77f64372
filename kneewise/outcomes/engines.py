"""The engines that answer the questions: DuckDB within this process, or Spark on many machines. One setting chooses.

A question is an Ibis expression and knows no engine. Both engines read the same Parquet files and give the same answers
(`tests/scale/`); `docs/scale.md` says what each costs and how Spark is set up. Two environment variables:

KNEEWISE_ENGINE         `duckdb` (also where it is not set) or `spark`
KNEEWISE_SPARK_MASTER   Spark's master, such as `spark://host:7077`; where it is not set, all processors of this machine
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet

from kneewise.errors import StoreError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyspark.sql

ENGINE_VARIABLE, MASTER_VARIABLE = "KNEEWISE_ENGINE", "KNEEWISE_SPARK_MASTER"
ENGINES = ("duckdb", "spark")
OWN_MACHINE = "local[*]"
LOCAL_PARTITIONS = 4
"""Into how many parts Spark cuts what it groups on one machine; its own 200 cost half a second per question there."""
_USE_DUCKDB = f"or leave {ENGINE_VARIABLE} unset, which uses DuckDB."
_NO_PYSPARK = (
    "The engine spark needs PySpark, which is not in this Python environment: `python run.py spark` makes .venv-spark, "
    f"which has it; {_USE_DUCKDB}"
)
_NO_JAVA = (
    "The engine spark needs Java 17 or newer, and there is none: install it (Debian, Ubuntu: `sudo apt-get install "
    f"openjdk-17-jre-headless`) or say in JAVA_HOME where it is; {_USE_DUCKDB}"
)
_starting = threading.Lock()


class EngineFailure(StoreError):
    """The engine could not answer. What it said is the `__cause__`: it may hold values, so no sentence repeats it."""


class LostFile(EngineFailure):
    """One of the files is not there, or can't be opened."""


@dataclass(frozen=True)
class TableFiles:
    """The Parquet files that together are one table; a column that one of them lacks is null in its rows.

    `lacking` are columns that none of them has, with their SQL type (`BOOLEAN`, `INTEGER`): null in every row.
    """

    paths: tuple[Path, ...]
    lacking: Mapping[str, str] = field(default_factory=dict)


Question = Callable[[Callable[[str], "ir.Table"]], "ir.Table"]
"""Builds an Ibis expression from a function that gives a table by name."""


class Engine(Protocol):
    """Answers questions about the tables it was opened with; safe to share between threads."""

    def ask(self, question: Question) -> pd.DataFrame:
        """The answer, its rows in any order. Raises EngineFailure."""
        ...


def chosen_engine() -> str:
    """The name of the engine that the setting chooses. Raises StoreError for one that there is not."""
    name = os.environ.get(ENGINE_VARIABLE, "").strip().lower() or ENGINES[0]
    if name not in ENGINES:
        raise StoreError(f"{ENGINE_VARIABLE} names an engine that there is not; it can be {' or '.join(ENGINES)}.")
    return name


def open_engine(tables: Mapping[str, TableFiles], name: str | None = None) -> Engine:
    """The engine of that name, or the one that the setting chooses, with these tables to ask about.

    Raises
    ------
    StoreError
        There is no such engine, or Spark can't be started here.
    LostFile
        A file is not there.
    """
    return _OPENERS[name or chosen_engine()](tables)


def why_no_spark() -> str | None:
    """Why Spark can't run here, as a sentence with the way out; None where PySpark and a Java are here."""
    if find_spec("pyspark") is None:
        return _NO_PYSPARK
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    return _NO_JAVA if java is None else None


class _DuckDB:
    """Every question runs on its own cursor: one shared connection mixes up the answers of concurrent sessions."""

    def __init__(self, tables: Mapping[str, TableFiles]):
        import duckdb

        self._base = duckdb.connect()
        for name, table in tables.items():
            listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in table.paths)
            rows = f"read_parquet([{listed}], union_by_name = true)"
            nothing = "".join(f", CAST(NULL AS {kind}) AS {column}" for column, kind in table.lacking.items())
            try:
                self._base.execute(f"CREATE VIEW {name} AS SELECT *{nothing} FROM {rows}")
            except duckdb.Error as problem:
                raise _failure_of_duckdb(problem) from problem

    def ask(self, question: Question) -> pd.DataFrame:
        import duckdb
        import ibis

        backend = ibis.duckdb.from_connection(self._base.cursor())
        try:
            return question(backend.table).execute()
        except duckdb.Error as problem:
            raise _failure_of_duckdb(problem) from problem


def _failure_of_duckdb(problem: Exception) -> EngineFailure:
    import duckdb

    kind = LostFile if isinstance(problem, duckdb.IOException) else EngineFailure
    return kind(f"DuckDB could not answer ({type(problem).__name__}).")


class _Spark:
    """A Spark session of its own, so that the views of two versions do not meet; all share one Spark application."""

    def __init__(self, tables: Mapping[str, TableFiles]):
        application = _spark_application()
        self._paths = [path for table in tables.values() for path in table.paths]
        self._ask(lambda: self._make_views(application, tables))

    def _make_views(self, application: pyspark.sql.SparkSession, tables: Mapping[str, TableFiles]) -> None:
        self._session = application.newSession()
        if _is_one_machine(application.sparkContext.master):
            self._session.conf.set("spark.sql.shuffle.partitions", LOCAL_PARTITIONS)
        for name, table in tables.items():
            _frame_of(self._session, table).createOrReplaceTempView(name)

    def ask(self, question: Question) -> pd.DataFrame:
        import ibis

        # A backend of its own for each question, as with DuckDB: it costs 10 ms and shares nothing but the session.
        return self._ask(lambda: question(ibis.pyspark.from_connection(self._session).table).execute())

    def _ask(self, answer: Callable[[], pd.DataFrame | None]) -> pd.DataFrame | None:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return answer()
        except (PySparkException, Py4JError, ConnectionError) as problem:
            if not all(path.is_file() for path in self._paths):
                raise LostFile("Spark could not answer (a file is not there).") from problem
            raise EngineFailure(_sentence_of_spark(problem)) from problem


def _sentence_of_spark(problem: Exception) -> str:
    condition = getattr(problem, "getCondition", lambda: None)() or type(problem).__name__
    if "FILE" in condition or "PATH" in condition:
        return (
            f"Spark could not read the store's files ({condition}); every machine of the cluster must see the store's "
            "folder under the same path."
        )
    return f"Spark could not answer ({condition}); where its cluster went down, start Kneewise again when it is up."


def _frame_of(session: pyspark.sql.SparkSession, table: TableFiles) -> pyspark.sql.DataFrame:
    """All rows of the files, a column that one of them lacks filled with nulls."""
    from pyspark.sql import functions

    frames, without_type = [], set()
    for path in table.paths:
        try:
            schema = pyarrow.parquet.read_schema(path)
        except OSError as problem:
            raise LostFile("Spark could not answer (a file is not there).") from problem
        except pa.ArrowInvalid as problem:
            raise EngineFailure("Spark could not answer (a file is damaged).") from problem
        # Spark takes a column of nothing but nulls for whole numbers and then can't join it to texts.
        empty = [column.name for column in schema if pa.types.is_null(column.type)]
        without_type |= set(empty)
        # Its reader takes these characters of a folder's name for a pattern.
        literal = re.sub(r"([\\\[\]{}*?])", r"\\\1", path.absolute().as_posix())
        frames.append(session.read.parquet(f"file://{literal}").drop(*empty))
    whole = functools.reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
    nulls = dict.fromkeys(sorted(without_type - set(whole.columns)), "INTEGER") | dict(table.lacking)
    return whole.withColumns({column: functions.lit(None).cast(kind) for column, kind in nulls.items()})


def _spark_application() -> pyspark.sql.SparkSession:
    """The one Spark application of this process, started where it does not run yet. Raises StoreError."""
    reason = why_no_spark()
    if reason is not None:
        raise StoreError(reason)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    with _starting:
        master = os.environ.get(MASTER_VARIABLE, "").strip() or OWN_MACHINE
        settings = {
            # Its web pages show questions and run without a password, on every network that this machine is on.
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "OFF",  # a failed task is logged with the value that it fell over
        }
        if _is_one_machine(master):
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # else its ports are open to the network
        _keep_values_out_of_logs()
        try:
            application = SparkSession.builder.master(master).appName("Kneewise").config(map=settings).getOrCreate()
        except (PySparkException, Py4JError, ConnectionError) as problem:
            raise StoreError(
                f"Spark could not be started: look whether Java is 17 or newer and the master in {MASTER_VARIABLE} is "
                f"right and can be reached; {_USE_DUCKDB}"
            ) from problem
        _stop_at_exit(application)
        return application


@functools.cache
def _stop_at_exit(application: pyspark.sql.SparkSession) -> None:
    """Left to itself, Spark is torn down in the middle of things and says so on the screen."""
    from py4j.protocol import Py4JError

    def stop() -> None:
        with contextlib.suppress(Py4JError, ConnectionError):  # it has ended by itself
            application.stop()

    atexit.register(stop)


def _is_one_machine(master: str) -> bool:
    return master.startswith("local")


def _keep_values_out_of_logs() -> None:
    """PySpark writes a failed question to the screen, with what it fell over: the content of a cell, for example."""
    import logging
    import warnings

    from pyspark.logger import PySparkLogger

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", message="toPandas attempted Arrow optimization")


_OPENERS: Mapping[str, Callable[[Mapping[str, TableFiles]], Engine]] = {"duckdb": _DuckDB, "spark": _Spark}
