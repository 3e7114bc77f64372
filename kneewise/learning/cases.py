"""Commit before reveal: which stage is open, what it told so far, and how a commitment compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kneewise.knowledge_base.models import Case, CaseStage


@dataclass(frozen=True)
class StageResult:
    """How one commitment compares with the reasoning. `score` is 0..1; `brier` compares confidence with the outcome.

    `score` = (share of the expected answers chosen) - (share of the others chosen), never below 0.
    `brier` = (confidence - 1 if all right else 0) squared, 0 best, 1 worst; None when no confidence was given.
    """

    stage_id: str
    right: tuple[str, ...]
    missed: tuple[str, ...]
    not_supported: tuple[str, ...]
    score: float
    brier: float | None


@dataclass(frozen=True)
class CaseResult:
    """All committed stages of a case: mean score, mean Brier score over stages with a confidence, and the stages."""

    stages: tuple[StageResult, ...]
    score: float
    brier: float | None


def next_stage(case: Case, progress: Mapping[str, Mapping]) -> CaseStage | None:
    """The first stage without a commitment; None when the case is done."""
    return next((stage for stage in case.stages if stage.id not in progress), None)


def findings_so_far(case: Case, progress: Mapping[str, Mapping]) -> dict[str, float | bool | str | tuple[str, ...]]:
    """What the case has told up to and with the open stage: {finding id: value}."""
    told: dict[str, float | bool | str | tuple[str, ...]] = {}
    for stage in case.stages:
        told |= {item.finding: item.value for item in stage.findings}
        if stage.id not in progress:
            break
    return told


def score_stage(stage: CaseStage, chosen: Sequence[str], confidence_percent: float | None = None) -> StageResult:
    """How `chosen` answer ids compare with what the reasoning supports. Raises ValueError for an unknown answer."""
    known = {answer.id for answer in stage.answers}
    unknown = sorted(set(chosen) - known)
    if unknown:
        raise ValueError(f"The stage '{stage.id}' has no answer '{unknown[0]}'.")
    expected = [answer.id for answer in stage.answers if answer.expected]
    others = [answer.id for answer in stage.answers if not answer.expected]
    right = tuple(answer for answer in expected if answer in chosen)
    missed = tuple(answer for answer in expected if answer not in chosen)
    not_supported = tuple(answer for answer in others if answer in chosen)
    score = len(right) / len(expected) - (len(not_supported) / len(others) if others else 0.0)
    brier = None
    if confidence_percent is not None:
        all_right = float(not missed and not not_supported)
        brier = (confidence_percent / 100 - all_right) ** 2
    return StageResult(stage.id, right, missed, not_supported, max(0.0, score), brier)


def score_case(case: Case, progress: Mapping[str, Mapping]) -> CaseResult:
    """The process score over the committed stages. `progress` is {stage id: {"chosen": [...], "confidence": percent}}."""
    results = tuple(
        score_stage(stage, progress[stage.id]["chosen"], progress[stage.id].get("confidence"))
        for stage in case.stages
        if stage.id in progress
    )
    briers = [result.brier for result in results if result.brier is not None]
    mean_score = sum(result.score for result in results) / len(results) if results else 0.0
    return CaseResult(results, mean_score, sum(briers) / len(briers) if briers else None)
