"""What the screens show, loaded once for everybody: the knowledge base, checked and frozen."""

from __future__ import annotations

import functools

from kneewise.knowledge_base import KnowledgeBase, load_knowledge
from kneewise.knowledge_base.loading import content_fingerprint


def knowledge() -> KnowledgeBase:
    """The knowledge base as it was when the server started; raises KnowledgeError with file, line and key."""
    return load_knowledge()


@functools.cache
def knowledge_version() -> str:
    """The fingerprint of the knowledge files: the version under which results are remembered."""
    return content_fingerprint()
