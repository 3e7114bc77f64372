"""`knowledge/` as one frozen object: `load_knowledge()` returns a checked `KnowledgeBase`."""

from kneewise.knowledge_base.loading import KNOWLEDGE_FOLDER, load_knowledge
from kneewise.knowledge_base.models import KnowledgeBase

__all__ = ["KNOWLEDGE_FOLDER", "KnowledgeBase", "load_knowledge"]
