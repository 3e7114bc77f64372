"""Caches: the only place that remembers results between runs.

Streamlit hashes big frames by sample (one corrected cell in 60,000 rows gave the old result in 16 of 20 tries) and can
confuse two texts, and what it remembers is shared by everybody. So a result is remembered under the version of its data
and plain arguments, written down exactly; never under a frame, and never for what one person entered (hazard KW-H12).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

Result = TypeVar("Result")
_LONGEST_WORD = 100


def remember(*, max_entries: int = 64) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Decorator: `f(version, *plain, **plain)` is computed once per version and arguments; each caller gets a copy."""
    return _cached(st.cache_data(show_spinner=False, max_entries=max_entries))


def share(*, max_entries: int = 8) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Decorator like `remember`, but every caller gets the same object: for frozen objects only."""
    return _cached(st.cache_resource(show_spinner=False, max_entries=max_entries))


def plain_key(arguments: tuple, named: dict[str, Any]) -> str:
    """One exact key for plain arguments; raises TypeError for a frame, free text or anything else that is not plain."""
    for each in (*arguments, *named.values()):
        _check_plain(each)
    exact = json.dumps([_with_kind(arguments), {name: _with_kind(value) for name, value in sorted(named.items())}])
    return hashlib.sha256(exact.encode()).hexdigest()


def _cached(streamlit_cache: Callable) -> Callable:
    def decorate(compute: Callable[..., Result]) -> Callable[..., Result]:
        def by_key(key: str, _arguments: tuple, _named: dict) -> Result:
            return compute(*_arguments, **_named)

        by_key.__qualname__ = f"{compute.__module__}.{compute.__qualname__}"
        by_key.__module__ = compute.__module__
        cached = streamlit_cache(by_key)

        @functools.wraps(compute)
        def call(version: str, *arguments: Any, **named: Any) -> Result:
            if not isinstance(version, str) or not version:
                raise TypeError("The first argument of a remembered function is the version id of its data.")
            return cached(plain_key((version, *arguments), named), (version, *arguments), named)

        call.clear = cached.clear  # type: ignore[attr-defined]
        return call

    return decorate


def _check_plain(value: Any) -> None:
    if isinstance(value, tuple):
        for each in value:
            _check_plain(each)
    elif isinstance(value, str):
        if len(value) > _LONGEST_WORD:
            raise TypeError("A cache key takes ids and short words, not free text.")
    elif not (value is None or isinstance(value, bool | int | float)):
        raise TypeError(f"A cache key takes plain values, not {type(value).__name__}.")


def _with_kind(value: Any) -> Any:
    if isinstance(value, tuple):
        return ["tuple", [_with_kind(each) for each in value]]
    return [type(value).__name__, repr(value)]
