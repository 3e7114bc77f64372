"""The about screen without a browser: versions, dates, who it is not for, funding."""

from __future__ import annotations

import pytest

import kneewise
from kneewise.ui import material
from tests.app_reading import said_by

CONTENT = material.knowledge().content


@pytest.mark.parametrize("how", ["open_cold", "open_warm"])
def test_it_says_what_it_is_for_and_for_whom_it_is_not(how, request):
    said = said_by(request.getfixturevalue(how)("about"))
    assert CONTENT.intended_use.clinician in said
    assert len(CONTENT.not_for) >= 3
    assert [each for each in CONTENT.not_for if each not in said] == []


def test_it_gives_versions_and_dates(open_warm):
    page = open_warm("about")
    shown = dict(zip(page.table[0].value["What"], page.table[0].value["Version"], strict=True))
    assert shown["Kneewise"] == kneewise.__version__
    assert shown["Knowledge"] == f"{CONTENT.version} ({material.knowledge_version()})"
    assert shown["Next review due"] == f"{CONTENT.review_due:%d %B %Y}"
    assert shown["Knowledge compiled on"] == f"{CONTENT.compiled_on:%d %B %Y}"
    assert CONTENT.review_due > CONTENT.compiled_on


def test_it_gives_funding_update_policy_and_the_one_claim(open_warm):
    """IPDAS 2.2.2, 2.2.3 and 2.3.1."""
    said = said_by(open_warm("about"))
    for fact in (CONTENT.funding, CONTENT.update_policy, CONTENT.compiled_from, "Better decisions, not better knees"):
        assert fact in said


def test_a_patient_reads_what_it_is_for_in_plain_words(open_warm):
    page = open_warm("explorer")
    page.segmented_control(key="kept/view").set_value("patient").run()
    page.switch_page("pages/about.py").run()
    assert CONTENT.intended_use.patient in said_by(page)
