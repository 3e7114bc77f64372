"""Cases for trainees: commit first, then see; scored on the way of reasoning, not on a lucky end."""

from kneewise.learning.cases import CaseResult, StageResult, findings_so_far, next_stage, score_case, score_stage

__all__ = ["CaseResult", "StageResult", "findings_so_far", "next_stage", "score_case", "score_stage"]
