"""Both engines over the same stores. Spark runs as a local cluster of two worker processes, where PySpark and Java are."""

from __future__ import annotations

import pytest
import scale_data

from kneewise.outcomes import demo
from kneewise.outcomes.engines import ENGINE_VARIABLE, MASTER_VARIABLE, why_no_spark
from kneewise.outcomes.store import Store, current_version, read_version
from tests.outcomes_samples import SCALES

TWO_WORKERS = "local-cluster[2,1,1024]"


@pytest.fixture(scope="session")
def spark_here(tmp_path_factory):
    """Skips where Spark can't run; else what starts it is set, and it ends with the tests."""
    reason = why_no_spark()
    if reason:
        pytest.skip(f"{reason} The tests with Spark run by `python run.py spark`.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MASTER_VARIABLE, TWO_WORKERS)
        patch.setenv("SPARK_WORKER_DIR", str(tmp_path_factory.mktemp("workers")))
        yield
        from pyspark import SparkContext

        if SparkContext._active_spark_context is not None:
            SparkContext._active_spark_context.stop()


@pytest.fixture(scope="session", params=["duckdb", *([] if why_no_spark() else ["spark"])])
def engine(request) -> str:
    """The name of an engine that runs here. Where Spark can't, the tests that compare the two say so."""
    if request.param == "spark":
        request.getfixturevalue("spark_here")
    return request.param


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """The stores: the demonstration clinics, and random records in two sources and an empty one."""
    made = {name: tmp_path_factory.mktemp("scale") / name for name in ("demo", "random")}
    demo.import_demo(SCALES, made["demo"])
    scale_data.make_random_store(made["random"], seed=8)
    return made


@pytest.fixture(scope="session")
def opened(folders):
    """A function of (name of the store, engine) that opens it, each once."""
    stores: dict[tuple[str, str], Store] = {}

    def open_with(name: str, engine: str) -> Store:
        if (name, engine) not in stores:
            folder = folders[name]
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(ENGINE_VARIABLE, engine)
                stores[name, engine] = Store(folder, read_version(folder, current_version(folder)))
        return stores[name, engine]

    return open_with
