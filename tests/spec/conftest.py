"""The knee that every row of the specification tables starts from."""

from __future__ import annotations

import pytest

from kneewise.knowledge_base.loading import load_knowledge
from kneewise.reasoning import findings_of


@pytest.fixture(scope="session")
def knowledge():
    return load_knowledge()


@pytest.fixture(scope="session")
def knee(knowledge):
    """knee({name: value, ...}) -> findings: the common knee with these changes; "not tested" takes a finding out."""
    safe = {
        finding.id: False
        for finding in knowledge.findings
        if finding.group in ("red_flags", "safety") and finding.kind == "yes_no"
    }
    common = {
        "age_years": 30, "pain_around_patella": True, "pain_on_squat": True, "other_causes_excluded": True,
        "acute_trauma": False, "swollen_bursa": False, "morning_stiffness_min": 5, "exercise_planned": True,
    }  # fmt: skip

    def made(given: dict | None = None):
        values = safe | {f"finding.{name}": value for name, value in (common | (given or {})).items()}
        return findings_of({name: value for name, value in values.items() if value != "not tested"}, knowledge)

    return made
