"""Findings in, conclusions out, without input or output: gate, factors, paths, options, what would change them, load."""

from kneewise.reasoning.conclusions import Conclusions, to_json
from kneewise.reasoning.engine import assess
from kneewise.reasoning.findings import NO_FINDINGS, Findings, findings_of, parse, serialise, template
from kneewise.reasoning.load import WeekLoad, week_load

__all__ = [
    "NO_FINDINGS", "Conclusions", "Findings", "WeekLoad", "assess", "findings_of", "parse", "serialise", "template",
    "to_json", "week_load",
]  # fmt: skip
