"""The real NHS England records, imported once for every test of this folder that asks for them."""

from __future__ import annotations

import pytest

from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from tests.outcomes_samples import NHS_ZIP, SCALES


@pytest.fixture(scope="session")
def nhs_store_dir(tmp_path_factory):
    """(the import's report, the folder of the store)."""
    if not NHS_ZIP.exists():
        pytest.skip("the NHS records are not on this machine")
    folder = tmp_path_factory.mktemp("nhs") / "store"
    return import_export(NHS_ZIP, read_profile("nhs_proms"), folder, SCALES), folder


@pytest.fixture(scope="session")
def imported(nhs_store_dir):
    """(the import's report, the opened store)."""
    report, folder = nhs_store_dir
    return report, open_store(folder)
