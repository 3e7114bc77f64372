"""Ids that lead nowhere and conditions that don't fit: checked on every load."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from kneewise.knowledge_base.models import ID_PATTERN, Condition, Entry, KnowledgeBase, walk

ENGINE_FACTS = frozenset({"derived.in_scope", "derived.red_flag_any", "derived.pfp_criteria_met"})
"""Facts that the reasoning works out itself; conditions may name them without an entry."""


@dataclass(frozen=True)
class Place:
    """Where something stands: file relative to the knowledge folder, and line (1-based)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def _nearest_id(path: tuple[str | int, ...], knowledge: KnowledgeBase) -> str:
    """The id of the entry at `path`, or of the nearest entry above it that has one."""
    found, entry = "knowledge", knowledge
    for step in path:
        entry = entry[step] if isinstance(step, int) else getattr(entry, step)
        found = getattr(entry, "id", found)
    return found


def problem_line(path: tuple[str | int, ...], knowledge: KnowledgeBase, places: Mapping[str, Place], says: str) -> str:
    """One problem in one line: place, id of the nearest entry, and what is wrong."""
    owner = _nearest_id(path, knowledge)
    place = places.get(owner)
    return f"{place or 'knowledge'}: {owner}: {says}"


def reference_problems(knowledge: KnowledgeBase, places: Mapping[str, Place]) -> list[str]:
    """Ids that lead nowhere, and conditions that don't fit their finding."""
    problems = []
    for path, entry in walk(knowledge):
        for name in _id_fields(type(entry)):
            value = getattr(entry, name)
            for target in value if isinstance(value, tuple) else (value,):
                if target is not None and not knowledge.has(target) and target not in ENGINE_FACTS:
                    problems.append(problem_line(path, knowledge, places, f"{name}: there is no '{target}'."))
        if isinstance(entry, Condition) and entry.finding is not None and knowledge.has(entry.finding):
            says = _condition_problem(entry, knowledge)
            if says:
                problems.append(problem_line(path, knowledge, places, says))
    return problems


@functools.cache
def _id_fields(model: type[Entry]) -> tuple[str, ...]:
    return tuple(
        name
        for name, field in model.model_fields.items()
        if name != "id" and holds_ids(field.annotation, field.metadata)
    )


def _condition_problem(condition: Condition, knowledge: KnowledgeBase) -> str | None:
    finding = knowledge.entry(condition.finding)
    numeric = [t for t in (condition.at_least, condition.at_most, condition.above, condition.below) if t is not None]
    if finding.kind == "number":
        if not numeric:
            return f"'{finding.id}' is a number; compare it with at_least, at_most, above or below."
        if not finding.minimum <= numeric[0] <= finding.maximum:
            return f"the threshold {numeric[0]:g} lies outside the range of '{finding.id}'."
    elif finding.kind == "yes_no":
        if not isinstance(condition.is_, bool):
            return f"'{finding.id}' is a yes/no finding; compare it with `is: true` or `is: false`."
    else:
        allowed = {choice.value for choice in finding.choices}
        asked = set(condition.one_of or ((condition.is_,) if isinstance(condition.is_, str) else ()))
        if not asked or asked - allowed:
            return f"'{finding.id}' is a choice of {', '.join(sorted(allowed))}; use `one_of` or `is` with these."
    return None


def holds_ids(annotation: object, metadata: typing.Iterable[object] = ()) -> bool:
    """Whether a field of this annotation holds ids (`Id`, `Id | None`, `tuple[Id, ...]`)."""
    if any(getattr(item, "pattern", None) == ID_PATTERN for item in metadata):
        return True
    if typing.get_origin(annotation) is typing.Annotated:
        base, *extra = typing.get_args(annotation)
        return holds_ids(base, extra)
    if typing.get_origin(annotation) in (tuple, typing.Union, types.UnionType):
        return any(holds_ids(part) for part in typing.get_args(annotation))
    return False
