"""What the documents point to exists: links, folders, commands, environment of a file that a reader is sent to."""

from __future__ import annotations

import re

import pytest
from source_tree import ROOT

from kneewise.cli import build_parser

DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "knowledge").glob("*.md"),
        *(ROOT / "data").glob("*.md"),
    ]
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
MADE_LATER = ("data/store", ".venv")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith(MADE_LATER)]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document):
    """Paths in `code marks` that begin with a folder of the repository. The design's absent rooms are named as absent."""
    if document.name == "0006-smaller-than-designed.md":
        return
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", document.read_text(encoding="utf-8"))
    here = [path for path in named if not path.startswith(MADE_LATER)]
    assert [path for path in here if not (ROOT / path).exists()] == []


def test_every_command_of_the_readme_is_understood():
    lines = re.findall(r"^python -m kneewise ([^#>\n]+)", README, flags=re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        build_parser().parse_args(line.split())  # SystemExit fails the test


def test_every_folder_is_in_the_readme():
    kept = {"docs", "pages", "knowledge", "data", "notebooks", "benchmarks", "tests"}
    parts = {f"kneewise/{path.parent.name}" for path in (ROOT / "kneewise").glob("*/__init__.py")}
    assert [folder for folder in kept | parts if f"`{folder}/`" not in README] == []
