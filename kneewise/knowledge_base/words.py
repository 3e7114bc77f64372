"""Entries said in words: a value with its unit and range, a status as it is named on screen, sources as citations."""

from __future__ import annotations

from collections.abc import Iterable

from kneewise.knowledge_base.models import (
    Curve,
    Evidence,
    Finding,
    KnowledgeBase,
    Provenance,
    Reliability,
    Source,
    Value,
    Voices,
)
from kneewise.quantities import UNIT_SYMBOLS, Unit

_INTERVAL_WORDS = {
    "ci95": "95 % interval", "ci99": "99 % interval", "sd": "mean ± SD", "iqr": "middle half", "range": "range",
    "unstated": "range as printed",
}  # fmt: skip

EVIDENCE_CLASS_WORDS = {
    "P+": "Measured before pain began: predicted it",
    "P0": "Measured before pain began: did not predict it",
    "X+": "Seen more often in people with pain (cause or result unknown)",
    "X0": "Not seen more often in people with pain",
    "M": "Model, cadaver or laboratory only",
    "C": "Good sources disagree",
    "T+": "Trial: treating it helped",
    "T0": "Trial: treating it added nothing",
    "expert": "Expert opinion",
}


def number_words(value: float) -> str:
    """A number without false precision: up to three digits after the point, no trailing zeros, a real minus sign."""
    return f"{value:.3f}".rstrip("0").rstrip(".").replace("-", "\N{MINUS SIGN}")


def value_words(value: Value) -> str:
    """The number with unit, spread and range: "48 % (95 % interval 38 to 58), 48 of 100 people"."""
    unit = _unit_after(value.unit)
    inside = []
    if value.low is not None and value.high is not None:
        span = f"{number_words(value.low)} to {number_words(value.high)}"
        if value.value is None:
            return f"{span}{unit} ({_INTERVAL_WORDS[value.interval]}){_count_words(value)}"
        inside.append(f"{_INTERVAL_WORDS[value.interval]} {span}")
    elif value.low is not None or value.high is not None:
        bound = value.low if value.low is not None else value.high
        inside.append(f"{'from' if value.low is not None else 'up to'} {number_words(bound)}")
    if value.sd is not None:
        inside.append(f"SD {number_words(value.sd)}")
    tail = f" ({'; '.join(inside)})" if inside else ""
    return f"{number_words(value.value)}{unit}{tail}{_count_words(value)}"


def with_unit(number: float, unit: Unit) -> str:
    """The number with its unit: "15°", "3 mm", "40 %"."""
    return f"{number_words(number)}{_unit_after(unit)}"


def curve_words(curve: Curve) -> str:
    """The points of a curve: "Knee flexion 0° to 90°: 0.46, 0.6, 0.74"."""
    first, last = (with_unit(point[0], curve.x_unit) for point in (curve.points[0], curve.points[-1]))
    numbers = ", ".join(with_unit(y, curve.unit) for _, y in curve.points)
    return f"{curve.x_quantity} {first} to {last}: {numbers}"


def _unit_after(unit: Unit) -> str:
    symbol = UNIT_SYMBOLS[unit]
    return symbol if symbol in ("°", "") else f" {symbol}"


def _count_words(value: Value) -> str:
    if value.numerator is not None and value.n is not None:
        return f", {value.numerator} of {value.n} people"
    return f", n = {value.n}" if value.n is not None else ""


def reliability_words(reliability: Reliability) -> str:
    """A reliability entry in one line: "ICC 0.25 between different raters (goniometer)"."""
    name = {
        "icc": "ICC", "kappa": "kappa", "weighted_kappa": "weighted kappa", "agreement_percent": "agreement, %",
        "sem": "standard error of measurement", "mdc95": "smallest real change (95 %)", "mdc90": "smallest real change (90 %)",
        "correlation": "correlation", "explained_variance_percent": "explained variance, %", "description": "",
    }[reliability.statistic]  # fmt: skip
    unit = UNIT_SYMBOLS[reliability.unit]
    if reliability.value is not None:
        number = f" {number_words(reliability.value)}{' ' + unit if unit else ''}"
    elif reliability.low is not None and reliability.high is not None:
        number = f" {number_words(reliability.low)} to {number_words(reliability.high)}{' ' + unit if unit else ''}"
    else:
        number = ""
    between = {
        "same_rater": ", same examiner", "different_raters": ", different examiners", "sessions": ", between sessions",
        "reference_method": ", against a reference method", "devices": ", between devices", "unstated": "",
    }[reliability.between]  # fmt: skip
    condition = f" ({reliability.condition})" if reliability.condition else ""
    return f"{name}{number}{between}{condition}".strip(" ,")


def status_words(knowledge: KnowledgeBase, status: str) -> str:
    """How a status is named on screen: "recalled" is "awaiting verification", "proposed" is "clinic policy"."""
    return next(label.label for label in knowledge.wording.status_labels if label.status == status)


def source_words(knowledge: KnowledgeBase, sources: Iterable[str]) -> list[str]:
    """One citation per source, with its DOI where there is one and how far it was read."""
    return [citation_words(knowledge.entry(source)) for source in sources]


def citation_words(source: Source) -> str:
    """A citation with DOI, PubMed id or official page, and what of it was read."""
    where = ""
    if source.doi:
        where = f" https://doi.org/{source.doi}"
    elif source.pubmed_id:
        where = f" https://pubmed.ncbi.nlm.nih.gov/{source.pubmed_id}"
    elif source.link:
        where = f" {source.link}"
    return f"{source.citation}.{where} (read: {source.read_as.replace('_', ' ')})"


def provenance_words(knowledge: KnowledgeBase, entry: Provenance) -> str:
    """Status, population and sources of an entry in one line."""
    parts = [status_words(knowledge, entry.status)]
    if entry.population:
        parts.append(f"who: {entry.population}")
    if entry.derivation:
        parts.append(f"worked out as {entry.derivation}")
    cited = "; ".join(knowledge.entry(source).citation for source in entry.sources)
    return ". ".join(parts) + (f". Source: {cited}." if cited else ".")


def evidence_words(evidence: Evidence) -> str:
    """One finding of studies with its class and size."""
    size = f" ({evidence.size})" if evidence.size else ""
    return f"{EVIDENCE_CLASS_WORDS[evidence.evidence_class]}. {evidence.summary}{size}"


def finding_value_words(finding: Finding, value: float | bool | str | tuple[str, ...]) -> str:
    """The value of a finding as a clinician writes it: "yes", "7 points", "left"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{number_words(value)} {UNIT_SYMBOLS[finding.unit]}".strip()
    labels = {choice.value: choice.label.clinician for choice in finding.choices}
    chosen = value if isinstance(value, tuple | list) else (value,)
    return ", ".join(labels[each] for each in chosen) or "none"


def cited_words(knowledge: KnowledgeBase, entry_id: str) -> str:
    """An entry cited in one line: what it says and how it is known."""
    entry = knowledge.entry(entry_id)
    if isinstance(entry, Evidence):
        return f"{evidence_words(entry)}. {provenance_words(knowledge, entry)}"
    if isinstance(entry, Value):
        return f"{entry.quantity}: {value_words(entry)}. {provenance_words(knowledge, entry)}"
    if isinstance(entry, Source):
        return citation_words(entry)
    said = next(
        (
            getattr(entry, name, None)
            for name in ("text", "label", "why_retired", "summary", "name")
            if getattr(entry, name, None)
        ),
        entry_id,
    )
    return f"{said.clinician if isinstance(said, Voices) else said}."
