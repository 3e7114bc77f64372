"""YAML files -> one frozen KnowledgeBase, with file, line and key for everything that is refused.

Every file is a mapping whose top-level keys are fields of `KnowledgeBase`. A list may be spread over several files
(`factors/knee.yaml`, `factors/load.yaml`); a single entry such as `mechanisms` stands in exactly one file.
"""

from __future__ import annotations

import functools
import hashlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from kneewise.errors import KnowledgeError
from kneewise.knowledge_base.models import Entry, KnowledgeBase, walk
from kneewise.knowledge_base.references import Place, reference_problems

KNOWLEDGE_FOLDER = Path(__file__).resolve().parents[2] / "knowledge"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Reading:
    """What was read from the files, before it is joined: parts by field, places of ids, problems."""

    parts: dict[str, list[Entry] | Entry] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@functools.lru_cache(maxsize=4)
def load_knowledge(folder: Path = KNOWLEDGE_FOLDER) -> KnowledgeBase:
    """The checked, frozen knowledge base of `folder`. Raises KnowledgeError with one sentence per problem."""
    reading = read_files(folder)
    knowledge = join(reading)
    problems = reading.problems + (reference_problems(knowledge, reading.places) if knowledge else [])
    if problems or knowledge is None:
        raise KnowledgeError(problems or ["The knowledge folder holds no knowledge base."])
    return knowledge


def content_fingerprint(folder: Path = KNOWLEDGE_FOLDER) -> str:
    """Twelve hexadecimal digits that change whenever a knowledge file changes (SHA-256 of names and bytes)."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def read_files(folder: Path) -> Reading:
    """All files of `folder`, each entry validated on its own, so that every problem is found in one go."""
    reading = Reading()
    paths = sorted(folder.rglob("*.yaml"))
    if not paths:
        reading.problems.append(f"{folder.name}: there are no YAML files here.")
    for path in paths:
        _read_file(path, path.relative_to(folder).as_posix(), reading)
    return reading


def join(reading: Reading) -> KnowledgeBase | None:
    """The knowledge base, or None with the missing parts added to `reading.problems`."""
    missing = [name for name in KnowledgeBase.model_fields if name not in reading.parts]
    reading.problems.extend(f"knowledge: the part '{name}' is missing from all files." for name in missing)
    if missing:
        return None
    joined = {name: tuple(part) if isinstance(part, list) else part for name, part in reading.parts.items()}
    return KnowledgeBase.model_construct(**joined)


def _read_file(path: Path, name: str, reading: Reading) -> None:
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None
    except UnicodeDecodeError as error:
        reading.problems.append(f"{name}: the file is not UTF-8 text (byte {error.start}).")
        return
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reading.problems.append(f"{name}:{mark.line + 1 if mark else 1}: this is not valid YAML ({error.problem}).")
        return
    if not isinstance(content, Mapping):
        reading.problems.append(f"{name}:1: a knowledge file is a mapping of parts.")
        return
    reading.problems.extend(_duplicate_keys(node, name))
    for key, value in content.items():
        _read_part(key, value, node, name, reading)


def _read_part(key: str, value: object, node: yaml.Node, name: str, reading: Reading) -> None:
    line = line_of(node, (key,))
    if key not in KnowledgeBase.model_fields:
        parts = ", ".join(KnowledgeBase.model_fields)
        reading.problems.append(f"{name}:{line}: unknown key '{key}'; parts are {parts}.")
        return
    annotation = KnowledgeBase.model_fields[key].annotation
    if typing.get_origin(annotation) is not tuple:
        if key in reading.parts:
            reading.problems.append(f"{name}:{line}: '{key}' stands in another file already.")
            return
        entry = _validated(annotation, value, (key,), node, name, reading)
        if entry is not None:
            reading.parts[key] = entry
        return
    entries = reading.parts.setdefault(key, [])
    if not isinstance(value, list):
        reading.problems.append(f"{name}:{line}: '{key}' must be a list of entries.")
        return
    model = typing.get_args(annotation)[0]
    for position, item in enumerate(value):
        entry = _validated(model, item, (key, position), node, name, reading)
        if entry is not None:
            entries.append(entry)


def _validated(
    model: type[Entry], value: object, path: tuple[str | int, ...], node: yaml.Node, name: str, reading: Reading
) -> Entry | None:
    try:
        entry = TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        for problem in error.errors():
            where = (*path, *problem["loc"])
            keys = ".".join(str(step) for step in where)
            says = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                says = f"unknown key '{where[-1]}'"
            reading.problems.append(f"{name}:{line_of(node, where)}: {keys}: {says}.")
        return None
    _note_places(entry, path, node, name, reading)
    return entry


def _note_places(entry: Entry, path: tuple[str | int, ...], node: yaml.Node, name: str, reading: Reading) -> None:
    for below, child in walk(entry, path):
        child_id = getattr(child, "id", None)
        if not isinstance(child_id, str):
            continue
        place = Place(name, line_of(node, (*below, "id")))
        if child_id in reading.places and "." in child_id:
            reading.problems.append(f"{place}: the id '{child_id}' is used already at {reading.places[child_id]}.")
        else:
            reading.places[child_id] = place


def line_of(node: yaml.Node, path: tuple[str | int, ...]) -> int:
    """The line (1-based) of the deepest node that `path` reaches."""
    line = node.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _duplicate_keys(node: yaml.Node, name: str) -> list[str]:
    problems: list[str] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                problems.append(f"{name}:{key.start_mark.line + 1}: the key '{key.value}' stands twice.")
            seen.add(key.value)
            problems.extend(_duplicate_keys(value, name))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            problems.extend(_duplicate_keys(item, name))
    return problems
