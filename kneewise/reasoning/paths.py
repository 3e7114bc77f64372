"""Ways through the mechanism graph: from a factor, along its arrows, to pain; with the evidence of the weakest arrow."""

from __future__ import annotations

from kneewise.knowledge_base.models import EvidenceLevel, KnowledgeBase, MechanismGraph, MechanismLink
from kneewise.reasoning.conclusions import Path

CONTESTED = "C"
_PAIN_STAGE = 4


def link_level(link: MechanismLink, graph: MechanismGraph) -> EvidenceLevel:
    """The evidence level of a link: the first level whose needs its evidence classes meet, else the last level."""
    classes = {evidence.evidence_class for evidence in link.evidence}
    for level in graph.levels:
        needs_any = not level.needs_any or classes & set(level.needs_any)
        needs_also = not level.needs_also_any or classes & set(level.needs_also_any)
        if needs_any and needs_also and not classes & set(level.needs_none):
            return level
    return graph.levels[-1]


def link_is_contested(link: MechanismLink) -> bool:
    """Whether good sources disagree about a link: marked so, or found by some studies and not found by others."""
    classes = {evidence.evidence_class for evidence in link.evidence}
    return CONTESTED in classes or any({f"{kind}+", f"{kind}0"} <= classes for kind in ("P", "X", "T"))


def paths_to_pain(knowledge: KnowledgeBase) -> dict[str, tuple[Path, ...]]:
    """All simple paths to pain by factor id, in file order of their links."""
    graph = knowledge.mechanisms
    pain = {node.id for node in graph.nodes if node.stage == _PAIN_STAGE}
    leaving: dict[str, list[MechanismLink]] = {}
    for link in graph.links:
        leaving.setdefault(link.origin, []).append(link)
    levels = {link.id: link_level(link, graph) for link in graph.links}
    rank = {level.id: (level.width, -position) for position, level in enumerate(graph.levels)}

    def walk_on(factor: str, links: list[MechanismLink], found: list[Path]) -> None:
        here = links[-1].target if links else factor
        if here in pain:
            weakest = min(links, key=lambda link: rank[levels[link.id].id])
            lowering = sum(link.effect == "lowers" for link in links)
            found.append(
                Path(
                    factor=factor,
                    nodes=tuple(link.target for link in links),
                    links=tuple(link.id for link in links),
                    weakest_level=levels[weakest.id].id,
                    weakest_link=weakest.id,
                    contested=tuple(link.id for link in links if link_is_contested(link)),
                    told=all(link.told for link in links),
                    effect="lowers" if lowering % 2 else "raises",
                )
            )
            return
        visited = {link.target for link in links}
        for link in leaving.get(here, []):
            if link.target not in visited:
                walk_on(factor, [*links, link], found)

    paths: dict[str, tuple[Path, ...]] = {}
    for factor in knowledge.factors:
        found: list[Path] = []
        walk_on(factor.id, [], found)
        paths[factor.id] = tuple(found)
    return paths
