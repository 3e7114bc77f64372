"""The hazard log names tests that exist, and tests cite hazards that exist."""

from __future__ import annotations

import ast
import re

from source_tree import ROOT

LOG = (ROOT / "docs" / "hazard-log.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in LOG.splitlines() if line.startswith("| KW-")
]
COLUMNS = ("id", "hazard", "cause", "harm", "control", "test", "residual risk")


def test_every_hazard_has_every_column_filled():
    assert ROWS
    assert [row[0] for row in ROWS if len(row) != len(COLUMNS) or not all(cell.strip(" |") for cell in row)] == []


def test_no_id_is_used_twice():
    ids = [row[0] for row in ROWS]
    assert len(ids) == len(set(ids))


def test_every_hazard_names_tests_that_exist():
    missing = []
    for row in ROWS:
        named = re.findall(r"`(tests/[^`]+)`", row[5])
        if not named:
            missing.append(f"{row[0]}: names no test")
        missing += [f"{row[0]}: {each}" for each in named if not exists(each, row[0])]
    assert missing == []


def exists(named: str, hazard: str) -> bool:
    """Whether a named test is there; for a folder, whether a test in it cites the hazard."""
    path, _, function = named.partition("::")
    if not function:
        return any(f"Hazard {hazard}" in each.read_text(encoding="utf-8") for each in (ROOT / path).rglob("test_*.py"))
    file = ROOT / path
    if not file.is_file():
        return False
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in ast.walk(tree))


def test_every_cited_hazard_is_in_the_log():
    known = {row[0] for row in ROWS}
    sources = [path for folder in ("tests", "kneewise", "docs") for path in (ROOT / folder).rglob("*.*") if path.suffix in
               {".py", ".md"}]  # fmt: skip
    cited = {
        (path.name, each) for path in sources for each in re.findall(r"\bKW-H\d+", path.read_text(encoding="utf-8"))
    }
    assert {each for each in cited if each[1] not in known} == set()


def test_a_folder_without_a_test_of_that_hazard_would_be_noticed():
    assert exists("tests/unit/", "KW-H07")
    assert not exists("tests/unit/", "KW-H" + "00")


def test_a_named_test_that_is_absent_would_be_noticed():
    assert not exists("tests/architecture/test_hazard_log.py::test_that_nobody_wrote", "KW-H01")
    assert exists("tests/architecture/test_hazard_log.py::test_no_id_is_used_twice", "KW-H01")
