"""The person's work in this browser session: one plain dictionary, read afresh on each run.

The only module that touches `st.session_state`. Streamlit forgets a widget's value when the page changes and a
dataclass kept there fails `isinstance` after a reload, so everything worth keeping lies under one key as plain
dictionaries, strings and numbers; widgets are filled from it and write back to it (`keep`). Nobody's identity is ever
put here, in a URL or in a log.

A path is words joined by dots ("week.before.walking"); every dot separates two levels, so ids that hold dots
(`finding.knee_flexion_deg`) are passed as an element of a tuple: `("findings", "finding.knee_flexion_deg")`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from kneewise.errors import FindingsError

VIEWS = ("clinician", "patient")
_WORK = "kneewise.work"
_EPOCH = "kneewise.epoch"
_NOTE = "kneewise.note"  # one sentence to show after the next rerun
_HELD = "kneewise.held"  # results that can be made again; never saved to a file
_EMPTY: dict[str, Any] = {
    "view": "clinician",
    "guideline_profile": None,
    "findings": {},
    "week": {"before": {}, "after": {}},
    "preferences": {},
    "cases": {},
    "screen": {},
}

Path = str | tuple[str, ...]


def work() -> dict[str, Any]:
    """A copy of everything the person entered, as plain data that JSON can hold."""
    return copy.deepcopy(_work())


def replace(new_work: Mapping[str, Any]) -> None:
    """Put `new_work` in place of what there was; raises FindingsError if it is not ours.

    The caller has checked the findings themselves (ids, units, ranges); here only the shape is held.
    """
    unknown = sorted(set(new_work) - set(_EMPTY))
    if unknown:
        raise FindingsError(f"The saved work has a part that Kneewise does not know: {unknown[0]}.")
    wrong = [name for name, empty in _EMPTY.items() if name in new_work and not _same_shape(new_work[name], empty)]
    if wrong:
        raise FindingsError(f"The part “{wrong[0]}” of the saved work is not of the kind Kneewise writes.")
    st.session_state[_WORK] = _parsed(new_work)
    _begin_anew()


def clear() -> None:
    """Forget everything: a new patient. Only the person's choice of view and guideline stay."""
    old = _work()
    st.session_state[_WORK] = _parsed({"view": old["view"], "guideline_profile": old["guideline_profile"]})
    _begin_anew()


def view() -> str:
    """The voice on screen: "clinician" or "patient"."""
    return _work()["view"]


def guideline_profile() -> str | None:
    """The id of the chosen guideline profile, or None when nobody chose one yet."""
    return _work()["guideline_profile"]


def set_guideline_profile(profile_id: str | None) -> None:
    """Remember the chosen guideline profile."""
    _work()["guideline_profile"] = profile_id


def findings() -> dict[str, dict[str, Any]]:
    """The findings entered: {finding id: {"value": ..., "unit": ...}}. What is not in it was not tested."""
    return copy.deepcopy(_work()["findings"])


def set_finding(finding_id: str, value: Any, unit: str | None = None) -> None:
    """Record one finding; a value of None means not tested and removes it."""
    _set(("findings", finding_id), None if value is None else {"value": value, "unit": unit})


def replace_findings(new_findings: Mapping[str, Mapping[str, Any]]) -> None:
    """Put other findings in place of those entered (a worked example, an opened file)."""
    _work()["findings"] = {key: dict(entry) for key, entry in new_findings.items()}


def week(moment: str) -> dict[str, float]:
    """The patient's week "before" or "after" a change: {activity id: amount}."""
    if moment not in ("before", "after"):
        raise ValueError(f"A week is 'before' or 'after', not {moment!r}.")
    return dict(_work()["week"][moment])


def replace_week(moment: str, amounts: Mapping[str, float]) -> None:
    """Put other amounts in place of the week "before" or "after"."""
    week(moment)
    _work()["week"][moment] = dict(amounts)


def preferences() -> dict[str, Any]:
    """What the patient prefers or rules out (allergy to tape, shoes, sport...), by id."""
    return copy.deepcopy(_work()["preferences"])


def case_progress(case_id: str) -> dict[str, Any]:
    """What this trainee committed to in one case; empty when the case was not begun."""
    return copy.deepcopy(_work()["cases"].get(case_id, {}))


def set_case_progress(case_id: str, progress: Mapping[str, Any]) -> None:
    """Remember what this trainee committed to in one case."""
    _set(("cases", case_id), copy.deepcopy(dict(progress)))


def get(path: Path, default: Any = None) -> Any:
    """The value kept at a path, or `default` where nothing is kept."""
    place: Any = _work()
    for word in _words(path):
        if not isinstance(place, dict) or word not in place:
            return default
        place = place[word]
    return copy.deepcopy(place)


def put(path: Path, value: Any) -> None:
    """Keep a value at a path; None removes it. Plain data only (TypeError otherwise)."""
    _set(_words(path), value)


def keep(path: Path, default: Any = None, options: Iterable[Any] | None = None) -> dict[str, Any]:
    """The `key`, `on_change` and `args` that tie a widget to a path, so that its value outlives page changes.

    `st.toggle("Story", **session.keep("screen.story", True))`. Give the widget no value, index or default of its own.
    With `options`, a kept value that is no longer offered falls back to `default`, as it does when Streamlit refuses
    it in silence (hazard KW-H17). Nothing is written until the person changes the widget; read with `get(path, default)`.
    """
    words = _words(path)
    value = get(words, default)
    if options is not None and not _offered(value, list(options)):
        value = default
    return _tie(words, value, _store, (words,))


def keep_finding(
    finding_id: str, unit: str | None = None, *, not_tested: Any = None, options: Iterable[Any] | None = None
) -> dict[str, Any]:
    """Like `keep`, for the widget of one finding: stores {"value", "unit"}.

    `not_tested` is the option that stands for "not tested"; choosing it (or emptying the widget) removes the finding.
    """
    entry = get(("findings", finding_id))
    value = entry["value"] if entry else not_tested
    if options is not None and not _offered(value, list(options)):
        value = not_tested
    return _tie(("findings", finding_id), value, _store_finding, (finding_id, unit, not_tested))


def keep_view() -> dict[str, Any]:
    """Like `keep`, for the switch between the clinician's and the patient's words."""
    return keep("view", "clinician", VIEWS)


def say_next(sentence: str) -> None:
    """Show one sentence after the next rerun (what a callback did)."""
    st.session_state[_NOTE] = sentence


def take_note() -> str | None:
    """The sentence left by `say_next`, once."""
    return st.session_state.pop(_NOTE, None)


def hold(name: str, made_from: str, result: Any) -> None:
    """Hold a result that can be made again (the preview of an upload) for this window, one per name.

    It is no part of the work: it is never saved to a file, and a new patient or other work forgets it.
    """
    st.session_state.setdefault(_HELD, {})[name] = (made_from, result)


def held(name: str, made_from: str) -> Any:
    """What `hold` was given, if it was made from the same; else None."""
    origin, result = st.session_state.get(_HELD, {}).get(name, (None, None))
    return result if origin == made_from else None


def forget(name: str) -> None:
    """Drop what `hold` was given under this name."""
    st.session_state.get(_HELD, {}).pop(name, None)


def keep_held(
    name: str, made_from: str, word: str, default: Any = None, options: Iterable[Any] | None = None
) -> dict[str, Any]:
    """Like `keep`, for a widget whose value belongs to what is held (the mapping of an upload) and goes with it.

    The values under `name` are one dictionary: `held(name, made_from)` gives those that the person changed.
    """
    value = (held(name, made_from) or {}).get(word, default)
    if options is not None and not _offered(value, list(options)):
        value = default
    return _tie(("held", name, made_from, word), value, _store_held, (name, made_from, word))


def epoch() -> int:
    """How often the work was replaced; goes into the key of a widget that can't be tied (an upload) and must start anew."""
    return st.session_state.setdefault(_EPOCH, 0)


def _work() -> dict[str, Any]:
    if _WORK not in st.session_state:
        st.session_state[_WORK] = _parsed({})
    return st.session_state[_WORK]


def _parsed(raw: Mapping[str, Any]) -> dict[str, Any]:
    parsed = copy.deepcopy(_EMPTY)
    parsed.update(copy.deepcopy({name: raw[name] for name in _EMPTY if name in raw}))
    for moment in ("before", "after"):
        parsed["week"].setdefault(moment, {})
    if parsed["view"] not in VIEWS:
        parsed["view"] = "clinician"
    return parsed


def _same_shape(value: Any, empty: Any) -> bool:
    return isinstance(value, dict) if isinstance(empty, dict) else value is None or isinstance(value, str)


def _offered(value: Any, options: list[Any]) -> bool:
    if value is None:
        return True
    if isinstance(value, list | tuple):
        return all(each in options for each in value)
    return value in options


def _words(path: Path) -> tuple[str, ...]:
    return tuple(path.split(".")) if isinstance(path, str) else tuple(path)


def _tie(words: tuple[str, ...], value: Any, store: Any, arguments: tuple) -> dict[str, Any]:
    key = "kept/" + "/".join(words)
    # A change by the person was stored by the callback before this run began, so a difference means that the work was
    # replaced or that Streamlit forgot the widget. Assigning only then leaves quick typing alone.
    if key not in st.session_state or _as_kept(st.session_state[key]) != _as_kept(value):
        st.session_state[key] = value
    return {"key": key, "on_change": store, "args": (key, *arguments)}


def _store(key: str, words: tuple[str, ...]) -> None:
    _set(words, st.session_state[key])


def _store_held(key: str, name: str, made_from: str, word: str) -> None:
    hold(name, made_from, {**(held(name, made_from) or {}), word: st.session_state[key]})


def _store_finding(key: str, finding_id: str, unit: str | None, not_tested: Any) -> None:
    value = st.session_state[key]
    set_finding(finding_id, None if value is None or value == not_tested else value, unit)


def _set(words: tuple[str, ...], value: Any) -> None:
    if not _is_plain(value):
        raise TypeError(f"Only plain data is kept in the session, not {type(value).__name__}.")
    place = _work()
    for word in words[:-1]:
        place = place.setdefault(word, {})
    if value is None and words[0] not in ("view", "guideline_profile"):
        place.pop(words[-1], None)
    elif words == ("view",) and value not in VIEWS:
        place["view"] = "clinician"  # a segmented control can be emptied
    else:
        place[words[-1]] = _as_kept(value)


def _as_kept(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _begin_anew() -> None:
    st.session_state.pop(_HELD, None)
    st.session_state[_EPOCH] = epoch() + 1
