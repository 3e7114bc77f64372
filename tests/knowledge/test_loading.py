"""A mistake in a knowledge file is named with file, line and key, in one line; what travels is frozen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from kneewise.errors import KnowledgeError
from kneewise.knowledge_base import KNOWLEDGE_FOLDER, load_knowledge
from kneewise.knowledge_base.check import find_problems, reading_grade

MISTAKES = [
    # (file, text to replace, replacement, what the one line must say)
    ("findings.yaml", "    group: scope\n", "    group: scope\n    colour: red\n", "unknown key 'colour'"),
    ("findings.yaml", "    unit: years\n", "    unit: parsecs\n", "unit"),
    ("findings.yaml", "    kind: number\n", "    kind: nummer\n", "kind"),
    ("findings.yaml", "  - id: finding.side\n", "  - id: finding.age_years\n", "is used already"),
    ("findings.yaml", "findings:\n", "findigns:\n", "unknown key 'findigns'"),
    ("findings.yaml", "    order: 10\n", "    order: 10\n    order: 11\n", "stands twice"),
    ("content.yaml", "content:\n", "content: [\n", "not valid YAML"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KNOWLEDGE_FOLDER, tmp_path / "knowledge"))


@pytest.mark.parametrize(("file", "old", "new", "says"), MISTAKES)
def test_a_mistake_is_named_with_file_and_line(copy: Path, file: str, old: str, new: str, says: str) -> None:
    path = copy / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    problems = [problem for problem in find_problems(copy) if says in problem]
    assert problems, find_problems(copy)[:5]
    name, line, _ = problems[0].split(":", 2)
    assert name == file
    assert int(line) >= 1
    with pytest.raises(KnowledgeError):
        load_knowledge(copy)


def test_the_line_named_is_the_line_of_the_mistake(copy: Path) -> None:
    path = copy / "findings.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    row = next(number for number, line in enumerate(lines) if line.strip() == "unit: years")
    lines[row] = "    unit: parsecs"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert any(problem.startswith(f"findings.yaml:{row + 1}: ") for problem in find_problems(copy))


def test_an_id_that_leads_nowhere_is_named(copy: Path) -> None:
    path = copy / "findings.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("test: test.craig", "test: test.crag", 1), encoding="utf-8"
    )
    assert any("there is no 'test.crag'" in problem for problem in find_problems(copy))


def test_low_confidence_recall_is_refused(copy: Path) -> None:
    path = copy / "prognosis.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text + "  - id: prognosis.made_up\n    text: {clinician: x, patient: x}\n    status: recalled\n"
        "    recall_confidence: low\n",
        encoding="utf-8",
    )
    assert any("recall_confidence" in problem for problem in find_problems(copy))


@pytest.mark.parametrize(
    ("status", "says"),
    [("seen", "needs at least one source"), ("derived", "needs its derivation"), ("guessed", "status")],
)
def test_a_status_without_what_it_needs_is_refused(copy: Path, status: str, says: str) -> None:
    path = copy / "prognosis.yaml"
    path.write_text(
        path.read_text(encoding="utf-8")
        + f"  - id: prognosis.made_up\n    text: {{clinician: x, patient: x}}\n    status: {status}\n",
        encoding="utf-8",
    )
    assert any(says in problem for problem in find_problems(copy))


@pytest.mark.parametrize("word", ["damage", "worn", "maltracking", "weak", "misaligned", "degenerative"])
def test_a_word_that_frightens_is_refused_in_the_patient_voice(copy: Path, word: str) -> None:
    path = copy / "prognosis.yaml"
    path.write_text(
        path.read_text(encoding="utf-8")
        + f"  - id: prognosis.made_up\n    text: {{clinician: x, patient: Your knee is {word}.}}\n    status: proposed\n",
        encoding="utf-8",
    )
    assert any("prognosis.made_up" in problem and f"says '{word[:4]}" in problem for problem in find_problems(copy))


def test_a_hard_sentence_is_refused_in_the_patient_voice(copy: Path) -> None:
    hard = "Patellofemoral biomechanical considerations necessitate individualised interdisciplinary and multimodal rehabilitation programmes."
    path = copy / "prognosis.yaml"
    path.write_text(
        path.read_text(encoding="utf-8")
        + f"  - id: prognosis.made_up\n    text: {{clinician: x, patient: {hard}}}\n    status: proposed\n",
        encoding="utf-8",
    )
    assert reading_grade(hard) > 7
    assert any("reads at grade" in problem for problem in find_problems(copy))


def test_what_travels_is_frozen() -> None:
    knowledge = load_knowledge()
    with pytest.raises(ValidationError):
        knowledge.findings = ()
    with pytest.raises(ValidationError):
        knowledge.findings[0].order = 3
    assert isinstance(knowledge.findings, tuple)
