"""Refusals: exceptions that carry sentences for the person in front of the screen.

Every refusal of Kneewise derives from `KneewiseError`. A sentence names what is wrong, where (row, column, key, line)
and the way out; it never holds a value that could identify a person.
"""

from __future__ import annotations

from collections.abc import Iterable


class KneewiseError(Exception):
    """Base of all refusals. `sentences` is a non-empty tuple of finished English sentences."""

    def __init__(self, sentences: str | Iterable[str]):
        self.sentences: tuple[str, ...] = (sentences,) if isinstance(sentences, str) else tuple(sentences)
        super().__init__(" ".join(self.sentences))


class KnowledgeError(KneewiseError):
    """The knowledge files are wrong: one sentence per problem with file, line and key."""


class FindingsError(KneewiseError):
    """A findings file or a finding was refused."""


class ImportRefused(KneewiseError):
    """An export was refused; nothing of it was stored."""


class StoreError(KneewiseError):
    """The store can't be opened, or can't be changed now."""


class DisclosureRefused(KneewiseError):
    """An answer would let somebody work out a person; it is not released."""
