"""The repository's Python as syntax trees, for the laws."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "kneewise"


@functools.cache
def product_files() -> tuple[Path, ...]:
    """Every Python file of the product: app.py, run.py, pages/, kneewise/, benchmarks/."""
    folders = (ROOT / "pages", PACKAGE, ROOT / "benchmarks")
    nested = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return (ROOT / "app.py", ROOT / "run.py", *nested)


@functools.cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """The path as it stands in the repository, for messages."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module this file imports, as full dotted names; imports for type checkers count too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = path.relative_to(ROOT).with_suffix("").parts
                base = ".".join((*here[: len(here) - node.level], *([node.module] if node.module else [])))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def called(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last word of what is called: `st.download_button(...)` -> "download_button"."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node
            elif isinstance(function, ast.Name):
                yield function.id, node


def words(path: Path) -> Iterator[str]:
    """Every attribute, name and keyword argument used in the file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def texts(path: Path) -> Iterator[str]:
    """Every text constant of the file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def files_in_git() -> list[Path]:
    """Every file that git tracks or would track; empty where this is no git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listed.returncode != 0:
        return []
    paths = (ROOT / each for each in listed.stdout.decode("utf-8").split("\0") if each)
    return [path for path in paths if path.is_file()]
