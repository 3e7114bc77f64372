"""A findings file <-> frozen findings: what one person's examination showed, and nothing that names the person.

A findings file is JSON: {"kneewise_findings": 1, "findings": {id: {"value": ..., "unit": ...}}, "week": {activity id:
{"before": ..., "after": ...}}, "profile": profile id}. A finding that is missing, or whose value is null, is not tested.
Every problem of a file is said in one go; texts of the file are never echoed, names of keys only.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from kneewise.errors import FindingsError
from kneewise.knowledge_base.models import Activity, Finding, GuidelineProfile, KnowledgeBase
from kneewise.quantities import NOT_TESTED, NotTested

FORMAT_VERSION = 1
MOST_BYTES = 100 * 100 * 100
_TOP_KEYS = ("kneewise_findings", "findings", "week", "profile")
_FINDING_KEYS = ("value", "unit", "label", "range", "choices")
_WEEK_KEYS = ("before", "after", "unit", "label", "range")
_SHOWN_KEY = 40

FindingValue = float | bool | str | tuple[str, ...]


@dataclass(frozen=True)
class Findings(Mapping[str, FindingValue]):
    """The tested findings by id, in the finding's unit; what is not in here is not tested.

    `week` holds counts {activity id: (before, after)}, each a number or None; `profile` is the chosen guideline or None.
    Make one with `findings_of` or `parse`, which check it.
    """

    values_by_id: Mapping[str, FindingValue] = field(default_factory=dict)
    week: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    profile: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values_by_id", MappingProxyType(dict(sorted(self.values_by_id.items()))))
        object.__setattr__(self, "week", MappingProxyType(dict(sorted(self.week.items()))))

    def __getitem__(self, finding_id: str) -> FindingValue:
        return self.values_by_id[finding_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_id)

    def __len__(self) -> int:
        return len(self.values_by_id)

    def __hash__(self) -> int:
        return hash((tuple(self.values_by_id.items()), tuple(self.week.items()), self.profile))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Findings):
            return NotImplemented
        mine = (dict(self.values_by_id), dict(self.week), self.profile)
        return mine == (dict(other.values_by_id), dict(other.week), other.profile)

    def value(self, finding_id: str) -> FindingValue | NotTested:
        """The value of a finding, or NOT_TESTED."""
        return self.values_by_id.get(finding_id, NOT_TESTED)

    def with_value(self, finding_id: str, value: FindingValue | NotTested | None) -> Findings:
        """The same findings with one changed; None or NOT_TESTED takes it out. Checks nothing: see `findings_of`."""
        return self.with_values({finding_id: value})

    def with_values(self, changed: Mapping[str, FindingValue | NotTested | None]) -> Findings:
        """The same findings with several changed; None or NOT_TESTED takes one out."""
        values = {**self.values_by_id, **changed}
        tested = {each: value for each, value in values.items() if value is not None and value is not NOT_TESTED}
        return Findings(tested, self.week, self.profile)


NO_FINDINGS = Findings()


def findings_of(
    values: Mapping[str, object],
    knowledge: KnowledgeBase,
    week: Mapping[str, object] | None = None,
    profile: str | None = None,
) -> Findings:
    """Checked findings from plain values {finding id: value in the finding's unit}. Raises FindingsError."""
    entries = {finding_id: {"value": value} for finding_id, value in values.items()}
    weeks = {
        activity: {"before": counts[0], "after": counts[1]} if isinstance(counts, tuple | list) else counts
        for activity, counts in (week or {}).items()
    }
    return _checked({"findings": entries, "week": weeks, "profile": profile}, knowledge, units_needed=False)


def parse(content: bytes | str, knowledge: KnowledgeBase) -> Findings:
    """The findings of a file's content. Raises FindingsError with one sentence per problem."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > MOST_BYTES:
        raise FindingsError(f"The findings file is too large; the most is {MOST_BYTES // 1000:,} kB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FindingsError(
            f"The findings file is not UTF-8 text (byte {error.start}); save it again as UTF-8."
        ) from None
    problems: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        problems.extend(f"The key {_shown(name)} stands twice; keep one." for name in twice)
        return dict(pairs)

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise FindingsError(
            f"The findings file is not valid JSON (line {error.lineno}, column {error.colno}); "
            "`python -m kneewise assess --template` prints one that is."
        ) from None
    except (RecursionError, ValueError):
        raise FindingsError("The findings file is not valid JSON (nested too deeply, or a number too long).") from None
    if not isinstance(document, dict) or document.get("kneewise_findings") != FORMAT_VERSION:
        problems.append(f'A findings file is a JSON object that begins with "kneewise_findings": {FORMAT_VERSION}.')
        raise FindingsError(problems)
    problems += [
        f"Unknown key {_shown(key)}: a findings file holds only {', '.join(_TOP_KEYS)}, and nothing that names a person."
        for key in document
        if key not in _TOP_KEYS
    ]
    try:
        found = _checked(document, knowledge, units_needed=True)
    except FindingsError as refusal:
        raise FindingsError([*problems, *refusal.sentences]) from None
    if problems:
        raise FindingsError(problems)
    return found


def serialise(findings: Findings, knowledge: KnowledgeBase) -> str:
    """A findings file (JSON text) with the tested findings and their units; `parse` gives the same findings back."""
    entries: dict[str, dict[str, object]] = {}
    for finding_id, value in findings.items():
        unit = knowledge.entry(finding_id).unit
        entries[finding_id] = {"value": list(value) if isinstance(value, tuple) else value}
        if unit != "none":
            entries[finding_id]["unit"] = unit
    week = {
        activity: {"before": before, "after": after, "unit": knowledge.entry(activity).count_unit}
        for activity, (before, after) in findings.week.items()
    }
    document = {
        "kneewise_findings": FORMAT_VERSION, "findings": entries, "week": week, "profile": findings.profile,
    }  # fmt: skip
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def template(knowledge: KnowledgeBase) -> str:
    """An empty findings file (JSON text) with every id, unit, plausible range, choices and label, for filling in."""
    entries = {}
    for finding in sorted(knowledge.findings, key=lambda each: each.order):
        entry: dict[str, object] = {"label": finding.label.clinician, "value": None}
        if finding.kind == "number":
            entry |= {"unit": finding.unit, "range": [finding.minimum, finding.maximum]}
        elif finding.kind == "yes_no":
            entry["choices"] = [True, False]
        else:
            entry["choices"] = [choice.value for choice in finding.choices]
        entries[finding.id] = entry
    week = {
        activity.id: {
            "label": activity.counted_as, "before": None, "after": None,
            "unit": activity.count_unit, "range": [0, activity.count_maximum],
        }
        for activity in knowledge.load.activities
    }  # fmt: skip
    document = {"kneewise_findings": FORMAT_VERSION, "findings": entries, "week": week, "profile": None}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _checked(document: Mapping[str, object], knowledge: KnowledgeBase, *, units_needed: bool) -> Findings:
    problems: list[str] = []
    known = {finding.id: finding for finding in knowledge.findings}
    values: dict[str, FindingValue] = {}
    for finding_id, entry in _object(document.get("findings"), "findings", problems).items():
        if finding_id not in known:
            problems.append(f"There is no finding {_shown(finding_id)}{_nearest(finding_id, known)}.")
            continue
        if not isinstance(entry, Mapping):
            problems.append(f"{finding_id}: write an object with a value, and a unit where there is one.")
            continue
        problems += [
            f"{finding_id}: unknown key {_shown(key)}; use {', '.join(_FINDING_KEYS)}."
            for key in entry
            if key not in _FINDING_KEYS
        ]
        value = _checked_value(known[finding_id], entry, units_needed, problems)
        if value is not None:
            values[finding_id] = value
    week = _checked_week(document.get("week"), knowledge, problems)
    profile = document.get("profile")
    profiles = {each.id: each for each in knowledge.profiles}
    if profile is not None and (not isinstance(profile, str) or profile not in profiles):
        problems.append(f"The profile is not known; choose one of {', '.join(profiles)}.")
    if problems:
        raise FindingsError(problems)
    return Findings(values, week, profile)


def _checked_value(
    finding: Finding, entry: Mapping[str, object], units_needed: bool, problems: list[str]
) -> FindingValue | None:
    value = entry.get("value")
    unit = entry.get("unit")
    if unit is not None and unit != finding.unit:
        problems.append(f"{finding.id}: the unit is wrong; it is measured in {finding.unit}.")
        return None
    if value is None or value is NOT_TESTED:
        return None
    if finding.kind == "number":
        if units_needed and unit is None and finding.unit != "none":
            problems.append(f"{finding.id}: the unit is missing; it is measured in {finding.unit}.")
            return None
        return _number(value, finding.minimum, finding.maximum, finding.unit, finding.id, problems)
    if finding.kind == "yes_no":
        if isinstance(value, bool):
            return value
        problems.append(f"{finding.id}: the answer is true or false (or null where it was not tested).")
        return None
    allowed = [choice.value for choice in finding.choices]
    if finding.kind == "choice":
        if isinstance(value, str) and value in allowed:
            return value
        problems.append(f"{finding.id}: unknown choice; it is one of {', '.join(allowed)}.")
        return None
    if isinstance(value, list | tuple) and all(isinstance(each, str) and each in allowed for each in value):
        return tuple(each for each in allowed if each in value)
    problems.append(f"{finding.id}: the answer is a list of choices out of {', '.join(allowed)}.")
    return None


def _number(value: object, minimum: float, maximum: float, unit: str, owner: str, problems: list[str]) -> float | None:
    measure = "" if unit == "none" else f" {unit}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        problems.append(f"{owner}: the value must be a number{' in' + measure if measure else ''}.")
        return None
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(f"{owner}: the value is not a finite number; leave null where it was not tested.")
        return None
    if not minimum <= value <= maximum:
        problems.append(f"{owner}: the value lies outside the plausible range of {minimum:g} to {maximum:g}{measure}.")
        return None
    return float(value)


def _checked_week(
    week: object, knowledge: KnowledgeBase, problems: list[str]
) -> dict[str, tuple[float | None, float | None]]:
    known = {activity.id: activity for activity in knowledge.load.activities}
    counts: dict[str, tuple[float | None, float | None]] = {}
    for activity_id, entry in _object(week, "week", problems).items():
        if activity_id not in known:
            problems.append(f"There is no activity {_shown(activity_id)}{_nearest(activity_id, known)}.")
            continue
        activity = known[activity_id]
        if not isinstance(entry, Mapping):
            problems.append(f"{activity_id}: write an object with before and after.")
            continue
        problems += [
            f"{activity_id}: unknown key {_shown(key)}; use {', '.join(_WEEK_KEYS)}."
            for key in entry
            if key not in _WEEK_KEYS
        ]
        if entry.get("unit") not in (None, activity.count_unit):
            problems.append(f"{activity_id}: the unit is wrong; it is counted in {activity.count_unit}.")
            continue
        before, after = (_count(activity, entry, side, problems) for side in ("before", "after"))
        if before is not None or after is not None:
            counts[activity_id] = (before, after)
    return counts


def _count(activity: Activity, entry: Mapping[str, object], side: str, problems: list[str]) -> float | None:
    if entry.get(side) is None:
        return None
    owner = f"{activity.id} ({side})"
    return _number(entry[side], 0, activity.count_maximum, activity.count_unit, owner, problems)


def _object(part: object, name: str, problems: list[str]) -> Mapping[str, object]:
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        problems.append(f'"{name}" must be an object of ids.')
        return {}
    return part


def _nearest(wrong: str, known: Mapping[str, Finding | Activity | GuidelineProfile]) -> str:
    near = difflib.get_close_matches(wrong[:_SHOWN_KEY], known, n=1)
    return f"; did you mean {near[0]}" if near else ""


def _shown(key: str) -> str:
    """A key of the file, shortened and on one line, for a sentence."""
    short = "".join(letter if letter.isprintable() else "?" for letter in key[:_SHOWN_KEY])
    return f"'{short}{'…' if len(key) > _SHOWN_KEY else ''}'"
