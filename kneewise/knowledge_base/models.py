"""The shape of everything we claim: frozen pydantic models of the files in `knowledge/`.

Every entry has an id (`kind.words`), and whatever states a fact carries its provenance: status, sources, population.
Unknown keys are refused. Lists become tuples, so a loaded knowledge base can't be changed.
"""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kneewise.quantities import Unit

ID_PATTERN = r"^[a-z_]+\.[a-z0-9_]+$"
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1)]
Status = Literal["seen", "seen_secondary", "recalled", "derived", "proposed"]
Region = Literal["hip_pelvis", "knee", "foot_ankle", "load", "person"]
Strength = Literal["core", "offer", "consider", "not_routinely", "do_not", "refer"]
Urgency = Literal["emergency", "urgent", "refer", "continue"]
EvidenceClass = Literal["P+", "P0", "X+", "X0", "M", "C", "T+", "T0", "expert"]
"""P measured before onset, X in people who have it, T trial of treating it (+ found, 0 not found); M mechanism only
(model, cadaver, lab); C good sources disagree; expert opinion only."""
Certainty = Literal["high", "moderate", "low", "very_low", "not_rated"]


class Entry(BaseModel):
    """Base: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Voices(Entry):
    """One text in two voices. The patient voice passes the wording gate (`wording.yaml`)."""

    clinician: Text
    patient: Text


class Provenance(Entry):
    """Where a statement comes from. `recalled` may carry how sure the recall is; low confidence is not encoded."""

    status: Status
    sources: tuple[Id, ...] = ()
    population: str = ""
    recall_confidence: Literal["high", "medium"] | None = None
    derivation: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _provenance_is_complete(self) -> Self:
        if self.status in ("seen", "seen_secondary") and not self.sources:
            raise ValueError(f"status '{self.status}' needs at least one source")
        if self.status == "derived" and not self.derivation:
            raise ValueError("status 'derived' needs its derivation")
        if self.recall_confidence and self.status != "recalled":
            raise ValueError("recall_confidence belongs to status 'recalled' only")
        return self


class Value(Provenance):
    """A number about medicine. `low`/`high` span `interval`; `value` may be None when only a span was published."""

    id: Id
    quantity: Text
    value: float | None = None
    unit: Unit
    interval: Literal["ci95", "ci99", "sd", "iqr", "range", "unstated"] | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    n: int | None = None
    numerator: int | None = None

    @model_validator(mode="after")
    def _value_is_complete(self) -> Self:
        if self.value is None and (self.low is None or self.high is None):
            raise ValueError("a value needs `value`, or both `low` and `high`")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("`low` is above `high`")
        if (self.low is not None or self.high is not None) and self.interval is None:
            raise ValueError("`low`/`high` need `interval`, which says what they are")
        if (
            self.value is not None
            and self.low is not None
            and self.high is not None
            and (self.interval in ("ci95", "ci99", "range", "iqr") and not self.low <= self.value <= self.high)
        ):
            raise ValueError("`value` lies outside `low`..`high`")
        if not self.population:
            raise ValueError("a value needs its population")
        return self


class Evidence(Provenance):
    """One finding of studies about one question."""

    id: Id
    evidence_class: EvidenceClass
    summary: Text
    size: str = ""
    certainty: Certainty = "not_rated"


class Source(Entry):
    """A paper, guideline or page. In the product the DOI is cited, never a mirror."""

    id: Id
    citation: Text
    year: int | None = None
    doi: str = ""
    pubmed_id: str = ""
    link: str = ""
    kind: Literal["guideline", "review", "trial", "cohort", "cross_sectional", "laboratory", "cadaver", "instrument",
                  "textbook", "web_page", "regulation", "consensus", "other"]  # fmt: skip
    read_as: Literal["abstract", "opening", "table", "page", "secondary_page", "title"]
    note: str = ""


class Condition(Entry):
    """A three-valued question about findings. Exactly one of `any_of`, `all_of`, `not`, or a leaf.

    A leaf names one `finding`, `derived` fact, `factor` or `profile`, with one comparison. Numbers are in the unit of
    the finding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    any_of: tuple[Condition, ...] | None = None
    all_of: tuple[Condition, ...] | None = None
    not_: Condition | None = Field(default=None, alias="not")
    finding: Id | None = None
    derived: Id | None = None
    factor: Id | None = None
    profile: Id | None = None
    is_: bool | str | None = Field(default=None, alias="is")
    one_of: tuple[str, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [self.any_of, self.all_of, self.not_, self.finding, self.derived, self.factor, self.profile]
        if sum(form is not None for form in forms) != 1:
            raise ValueError("a condition has exactly one of any_of, all_of, not, finding, derived, factor, profile")
        comparisons = [self.is_, self.one_of, self.at_least, self.at_most, self.above, self.below]
        count = sum(comparison is not None for comparison in comparisons)
        if self.finding is not None or self.derived is not None:
            if count != 1:
                raise ValueError("a leaf condition has exactly one of is, one_of, at_least, at_most, above, below")
        elif self.factor is not None:
            if count != 1 or self.is_ not in ("present", "absent", "not_tested"):
                raise ValueError("a factor condition has `is: present`, `absent` or `not_tested`")
        elif count:
            raise ValueError("only a leaf condition compares")
        return self


# --- Findings: what a person can enter -----------------------------------------------------------------------------


class MeasurementError(Provenance):
    """How far a repeated measurement strays: `sem` and `mdc95` in the finding's unit (mdc95 = 2.77 sem, derived)."""

    sem: float | None = None
    mdc95: float | None = None

    @model_validator(mode="after")
    def _has_a_number(self) -> Self:
        if self.sem is None and self.mdc95 is None:
            raise ValueError("a measurement error needs `sem` or `mdc95`")
        return self


class Choice(Entry):
    """One answer of a choice finding."""

    value: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
    label: Voices


class Finding(Entry):
    """Something that can be asked, observed or measured. Absent from a findings file means not tested."""

    id: Id
    label: Voices
    kind: Literal["yes_no", "choice", "choices", "number"]
    group: Literal["scope", "red_flags", "symptoms", "person", "load", "hip_pelvis", "knee", "foot_ankle", "imaging",
                   "tape_retest", "orthosis_retest", "safety", "care_so_far", "preferences"]  # fmt: skip
    order: int
    unit: Unit = "none"
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[Choice, ...] = ()
    help: str = ""
    test: Id | None = None
    agreement: Literal["good", "moderate", "poor", "not_known"] | None = None
    measurement_error: MeasurementError | None = None
    safety: bool = False
    personal: bool = False

    @model_validator(mode="after")
    def _kind_is_complete(self) -> Self:
        if self.kind == "number" and (self.minimum is None or self.maximum is None or self.step is None):
            raise ValueError("a number finding needs minimum, maximum and step")
        if self.kind in ("choice", "choices") and len(self.choices) < 2:
            raise ValueError("a choice finding needs at least two choices")
        if self.kind in ("yes_no", "choice", "choices") and self.unit != "none":
            raise ValueError("only a number finding has a unit")
        return self


class DerivedFact(Provenance):
    """A fact worked out from findings. `points` adds points (Wells); `percent_change` and `ratio_bmi` are arithmetic;
    `response` is the in-session retest class; `condition` is a named condition."""

    id: Id
    label: Voices
    kind: Literal["points", "percent_change", "bmi", "response", "condition"]
    unit: Unit = "none"
    when: Condition | None = None
    items: tuple[PointItem, ...] = ()
    before: Id | None = None
    after: Id | None = None
    rating: Id | None = None


class PointItem(Entry):
    """One line of a points score."""

    label: Text
    when: Condition
    points: float


class ResponseRule(Provenance):
    """How an in-session retest (task pain before and after) is classed. Numbers are NPRS points or fractions."""

    id: Id
    responder_fall_fraction: Value
    responder_rating_at_least: tuple[str, ...]
    partial_fall_points: Value
    worse_rise_points: Value
    interpretable_from_points: Value


# --- Safety --------------------------------------------------------------------------------------------------------


class RedFlag(Provenance):
    """A reason to stop and act. `within` is how soon."""

    id: Id
    label: Voices
    ask: Voices
    when: Condition
    urgency: Literal["emergency", "urgent"]
    within: Text
    action: Voices
    detail: str = ""
    accuracy: tuple[Value, ...] = ()


class Differential(Provenance):
    """Another explanation to think of. Shown as a list; with `when`, named when its clues are entered."""

    id: Id
    label: Voices
    group: Literal["traumatic", "non_traumatic"]
    clues: Text
    when: Condition | None = None
    urgency: Urgency
    action: Voices
    accuracy: tuple[Value, ...] = ()
    accuracy_note: str = ""


# --- Factors, tests, mechanisms ------------------------------------------------------------------------------------


class Cutoff(Provenance):
    """A published or proposed threshold of a test, in words and, where there is one, as a number."""

    label: Text
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Unit


class Reliability(Provenance):
    """How well raters or repeats agree."""

    statistic: Literal["icc", "kappa", "weighted_kappa", "agreement_percent", "sem", "mdc95", "mdc90", "correlation",
                       "explained_variance_percent", "description"]  # fmt: skip
    between: Literal["same_rater", "different_raters", "sessions", "reference_method", "devices", "unstated"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Unit = "none"
    condition: str = ""


class ClinicalTest(Entry):
    """How a finding is obtained, what counts, and how far it can be trusted."""

    id: Id
    name: Text
    region: Region | Literal["diagnosis", "imaging"]
    findings: tuple[Id, ...]
    procedure: Text
    grading: Text
    cutoffs: tuple[Cutoff, ...] = ()
    norms: tuple[Value, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    accuracy: tuple[Value, ...] = ()
    advice: Text
    missing: str = ""
    provenance: Provenance


class FactorCriterion(Provenance):
    """When a factor counts as present. The cut-off's own provenance stands here."""

    when: Condition
    label: Text


class Factor(Entry):
    """Something that may add to the load on the kneecap joint, or to pain."""

    id: Id
    code: Text
    label: Voices
    region: Region
    role: Literal["scored", "display_only", "information_only", "imaging"]
    criterion: FactorCriterion | None = None
    imprecise: bool = False
    mechanism: Voices
    evidence: tuple[Evidence, ...]
    verdict: Voices
    modifiable: Literal["yes", "partly", "no", "with_growth"]
    modifiable_note: str = ""
    helps: Voices
    strategies: tuple[Id, ...] = ()
    tests: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _scored_has_criterion(self) -> Self:
        if self.role in ("scored", "imaging") and self.criterion is None:
            raise ValueError("a scored or imaging factor needs its criterion")
        if not self.evidence:
            raise ValueError("a factor needs evidence entries, also when they say that none was found")
        return self


class MechanismNode(Entry):
    """A step between a factor and pain. `stage` 1..3 orders steps from left (0 = factors) to right (4 = pain)."""

    id: Id
    label: Voices
    stage: Literal[1, 2, 3, 4]
    row: float
    explains: Voices


class MechanismLink(Entry):
    """An arrow: the story that clinics tell, and what studies found about this very arrow."""

    id: Id
    origin: Id
    target: Id
    effect: Literal["raises", "lowers"]
    told: bool
    """True when the clinic's story draws this arrow."""
    story: Voices
    studies: Voices
    evidence: tuple[Evidence, ...]
    strategies: tuple[Id, ...] = ()


class EvidenceLevel(Entry):
    """A level of support for a link: the drawn width comes from here. The first level whose needs are met wins."""

    id: Id
    label: Voices
    width: float
    dash: Literal["solid", "dash", "dot"]
    needs_any: tuple[EvidenceClass, ...] = ()
    needs_none: tuple[EvidenceClass, ...] = ()
    needs_also_any: tuple[EvidenceClass, ...] = ()


class MechanismGraph(Entry):
    """Nodes, links and the drawing rule for evidence."""

    nodes: tuple[MechanismNode, ...]
    links: tuple[MechanismLink, ...]
    levels: tuple[EvidenceLevel, ...]


# --- Diagnosis -----------------------------------------------------------------------------------------------------


class DiagnosisCriteria(Provenance):
    """When the pattern is patellofemoral pain."""

    id: Id
    label: Voices
    when: Condition
    parts: tuple[CriterionPart, ...]
    recommendations: tuple[Evidence, ...]
    accuracy: tuple[Value, ...]
    warnings: tuple[Evidence, ...]


class CriterionPart(Entry):
    """One part of the criteria, shown with its own answer."""

    label: Voices
    when: Condition


class Subcategory(Provenance):
    """One of the four guideline subcategories; several may hold."""

    id: Id
    label: Voices
    when: Condition
    basis: Text
    tests: Text
    cutoffs: Text
    interventions: tuple[Id, ...] = ()
    intervention_text: Voices
    warnings: tuple[str, ...] = ()


# --- Interventions -------------------------------------------------------------------------------------------------


class OptionPoint(Provenance):
    """One benefit, drawback or consequence of an option, in both voices."""

    text: Voices
    value: Id | None = None


class Position(Provenance):
    """What one guideline or review says about one option."""

    id: Id
    option: Id
    profile: Id | None = None
    body: Text
    wording: Text
    grade: str = ""


class Option(Entry):
    """Something to try, wait included. All options have the same fields, so that they are shown in equal detail."""

    id: Id
    label: Voices
    compared: bool
    what_it_is: Voices
    benefits: tuple[OptionPoint, ...]
    harms: tuple[OptionPoint, ...]
    living_with: tuple[OptionPoint, ...]
    unknown: Voices
    certainty: Certainty
    requires: tuple[Id, ...] = ()


class GuidelineProfile(Provenance):
    """A guideline whose advice can be chosen; profiles are shown side by side, never averaged."""

    id: Id
    label: Text
    year: int | None = None
    summary: Voices


class Rule(Provenance):
    """One line of the decision table. Lower `priority` wins; notes (no strength) always print."""

    id: Id
    code: Text
    priority: int
    option: Id | None = None
    profiles: tuple[Id, ...] = ()
    when: Condition
    strength: Strength | None = None
    effect: Literal["strength", "note", "precaution", "warning", "block", "stop"]
    text: Voices
    evidence_level: Text
    values: tuple[Id, ...] = ()
    conflicts: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _strength_matches_effect(self) -> Self:
        if (self.effect == "strength") != (self.strength is not None):
            raise ValueError("a rule has a strength exactly when its effect is 'strength'")
        return self


class StopRule(Provenance):
    """When to stop an option that is in use."""

    id: Id
    code: Text
    options: tuple[Id, ...]
    trigger: Voices
    action: Voices
    when: Condition | None = None


class Review(Provenance):
    """A check at a day after the start."""

    id: Id
    day: int
    options: tuple[Id, ...]
    check: Voices
    if_not: Voices | None = None


class Conflict(Entry):
    """Sources that disagree; all rows are shown, never averaged."""

    id: Id
    code: Text
    question: Voices
    rows: tuple[ConflictRow, ...]
    handling: Text


class ConflictRow(Provenance):
    """One side of a conflict."""

    body: Text
    says: Text


class Technique(Provenance):
    """A way of applying an option (tape, device), its indication and method."""

    id: Id
    option: Id
    label: Voices
    indication: Text
    method: Text
    when: Condition | None = None


class Fact(Provenance):
    """A published statement about an option that is shown as text, with numbers by id where they are encoded."""

    id: Id
    option: Id
    topic: Literal["effect", "predictor", "procedure", "wearing", "harm", "precaution", "mechanism", "position", "dose"]
    text: Text
    values: tuple[Id, ...] = ()
    do_not_chart: bool = False


class Strategy(Entry):
    """One of the eight long-term strategies of the source article, with what studies found."""

    id: Id
    number: int
    label: Voices
    what: Voices
    factors: tuple[Id, ...]
    option: Id | None = None
    verdict: Voices
    evidence: tuple[Evidence, ...]


class RetiredRule(Provenance):
    """A rule that studies refuted. No rule that sets a strength may read its findings."""

    id: Id
    label: Text
    claim: Text
    why_retired: Voices
    retired_on: Text
    findings: tuple[Id, ...] = ()
    still_taught: str = ""


# --- Instruments, prognosis, load, geometry, story -----------------------------------------------------------------


class ItemWeights(Entry):
    """The weights of one item, best answer first; the concept is a paraphrase, never the licensed wording."""

    item: int
    concept: Text
    weights: tuple[float, ...]


class ItemRange(Entry):
    """The items `first`..`last` of a questionnaire, whose points run from `minimum` to `maximum`."""

    first: int
    last: int
    minimum: float
    maximum: float
    whole: bool = True
    """False where any number in between is an answer, as on a line."""

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> Self:
        if not 1 <= self.first <= self.last or self.minimum >= self.maximum:
            raise ValueError("items need `first` <= `last` from 1 on, and `minimum` below `maximum`")
        return self


class ItemGroup(Entry):
    """A subscale: items whose points are added up on their own."""

    name: Text
    items: tuple[int, ...]


class ScoringRule(Provenance):
    """One way of reading the answers and of treating missing ones; with several rules, the caller names one.

    Points of an item are answer / `answers_per_point` - `shift`, counted from the other end for `reversed_items`; with
    `option_numbers` the answer is the place of the option in `item_weights`. `unclear` says why this way gives no score.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
    says: Text
    answered_at_least: int
    answers_are: Literal["points", "option_numbers"] = "points"
    shift: float = 0
    answers_per_point: float = 1
    reversed_items: tuple[int, ...] = ()
    unclear: str = ""


class InstrumentScoring(Entry):
    """From answers to the score: `items` are ranges of points (none where `item_weights` stand), `rules` how to read them.

    `sum`: points added up, a missing answer that the rule allows counts as the mean of the others. `mean`: points /
    answered items. `percent`: 100 x points above the least / most that the answered items allow; `hundred_minus_percent`:
    100 - that. `already_a_change`: the score itself says how much has changed, so no change of it is worked out.
    `own_items`: patients choose their items, so two scores compare only over the same ones.
    """

    formula: Literal["sum", "mean", "percent", "hundred_minus_percent"]
    items: tuple[ItemRange, ...] = ()
    rules: tuple[ScoringRule, ...]
    subscales: tuple[ItemGroup, ...] = ()
    already_a_change: bool = False
    own_items: bool = False

    @model_validator(mode="after")
    def _rules_have_names_of_their_own(self) -> Self:
        names = [rule.name for rule in self.rules]
        if not names or len(names) != len(set(names)):
            raise ValueError("scoring needs at least one rule, each with a name of its own")
        return self


class Instrument(Provenance):
    """A patient-reported measure: range, direction, formula, missing rule, detectable and important change, licence."""

    id: Id
    label: Voices
    measures: Voices
    items: int
    minimum: float
    maximum: float
    unit: Unit = "points"
    higher_is_better: bool
    formula: Text
    formula_status: Status
    missing_rule: Text
    missing_rule_status: Status
    scoring: InstrumentScoring | None = None
    detectable_change: Id | None = None
    detectable_change_one_item: Id | None = None
    important_change: Id | None = None
    values: tuple[Value, ...] = ()
    versions: str = ""
    licence: Text
    item_weights: tuple[ItemWeights, ...] = ()
    fit: str = ""

    @model_validator(mode="after")
    def _scoring_fits_the_scale(self) -> Self:
        if self.scoring is None:
            return self
        ranges = [
            (number, part.minimum, part.maximum)
            for part in self.scoring.items
            for number in range(part.first, part.last + 1)
        ]
        ranges += [(item.item, min(item.weights), max(item.weights)) for item in self.item_weights]
        numbers = [number for number, _, _ in ranges]
        if sorted(numbers) != list(range(1, self.items + 1)):
            raise ValueError("scoring needs each item from 1 to `items` exactly once, in `items` or in `item_weights`")
        if self._ends_of_the_score(ranges) != (self.minimum, self.maximum):
            raise ValueError("the scoring's least and greatest score are not `minimum` and `maximum`")
        alike = len({(low, high) for _, low, high in ranges}) == 1
        for rule in self.scoring.rules:
            if not 1 <= rule.answered_at_least <= self.items:
                raise ValueError(f"rule '{rule.name}': `answered_at_least` lies outside 1 to the number of items")
            if set(rule.reversed_items) - set(numbers):
                raise ValueError(f"rule '{rule.name}' reverses an item that there is not")
            if rule.answers_are == "option_numbers" and not self.item_weights:
                raise ValueError(f"rule '{rule.name}': option numbers need `item_weights`")
            if self.scoring.formula == "sum" and rule.answered_at_least < self.items and not alike:
                raise ValueError(f"rule '{rule.name}': a sum can be filled up only where all items have one range")
        if {number for group in self.scoring.subscales for number in group.items} - set(numbers):
            raise ValueError("a subscale names an item that there is not")
        return self

    def _ends_of_the_score(self, ranges: list[tuple[int, float, float]]) -> tuple[float, float]:
        lows, highs = [low for _, low, _ in ranges], [high for _, _, high in ranges]
        if self.scoring.formula == "sum":
            return sum(lows), sum(highs)
        return (min(lows), max(highs)) if self.scoring.formula == "mean" else (0, 100)


class Prognosis(Provenance):
    """A statement about the course of pain over time."""

    id: Id
    text: Voices
    values: tuple[Value, ...] = ()


class Activity(Entry):
    """Something people do with their knees: how it is counted, and what one repetition asks of the kneecap joint."""

    id: Id
    label: Voices
    counted_as: Text
    counted_patient: Text
    count_unit: Unit
    count_maximum: float
    peak_forces: tuple[Value, ...]
    used_value: Id | None
    why_not_pooled: str = ""
    loads_per_count: float | None = None
    example_before: float
    example_after: float


class Lever(Entry):
    """A way to change the load of an activity, with its published effect."""

    id: Id
    label: Voices
    activities: tuple[Id, ...]
    values: tuple[Value, ...]
    used_value: Id | None
    caution: Voices
    strategy: Id | None = None


class LoadRule(Provenance):
    """How a rise in load over two weeks is called out."""

    id: Id
    threshold: Value
    hazard: Value
    text: Voices


class LoadModel(Entry):
    """Activities, levers and the rise rule: load as a first-class input."""

    activities: tuple[Activity, ...]
    levers: tuple[Lever, ...]
    rise: LoadRule
    explains: Voices
    facts: tuple[Evidence, ...]
    values: tuple[Value, ...] = ()


class Statement(Entry):
    """One of the twelve statements of the source article, with its verdict: the story, and what studies found."""

    id: Id
    number: int
    claim: Voices
    verdict: Literal["supported", "half_right", "supported_as_association", "contested", "wrong_part", "no_evidence",
                     "weak", "mixed"]  # fmt: skip
    verdict_label: Voices
    studies: Voices
    evidence: tuple[Evidence, ...]
    factors: tuple[Id, ...] = ()
    links: tuple[Id, ...] = ()
    strategies: tuple[Id, ...] = ()


class Gap(Entry):
    """Something that could not be verified and where to look."""

    id: Id
    text: Text
    matters: str = ""
    where: str = ""


# --- The leg -------------------------------------------------------------------------------------------------------


class Curve(Provenance):
    """A quantity over another one (lever arm over flexion, a joint angle over a stride): points with `x` ascending."""

    id: Id
    quantity: Text
    x_quantity: Text
    x_unit: Unit
    unit: Unit
    points: tuple[tuple[float, float], ...]

    @model_validator(mode="after")
    def _points_ascend(self) -> Self:
        xs = [x for x, _ in self.points]
        if len(xs) < 2 or any(a >= b for a, b in itertools.pairwise(xs)):
            raise ValueError("a curve needs at least two points, with x ascending")
        if not self.population:
            raise ValueError("a curve needs its population")
        return self


class MovementCurve(Curve):
    """One input of the leg over a movement; `input` names it as `kneewise.mechanics` does, or is `force_profile`."""

    input: Text


class LegInput(Provenance):
    """One slider of the leg: an angle, or a share. `low` and `high` name its two ends; `seen_low` and
    `seen_high` say as part of a sentence what is seen there.

    `links` are the arrows of the mechanism graph that carry it to the kneecap: the leg shows its effect there faded
    where one of them has no support. `leg_input.x` is the input `x` of `kneewise.mechanics`.
    """

    id: Id
    label: Voices
    group: Literal["bend", "hip_pelvis", "knee", "foot"]
    unit: Unit
    minimum: float
    maximum: float
    step: float
    neutral: float
    low: Voices
    high: Voices
    seen_low: Voices
    seen_high: Voices
    links: tuple[Id, ...] = ()
    clinician_only: bool = False

    @model_validator(mode="after")
    def _neutral_is_within(self) -> Self:
        if not self.minimum <= self.neutral <= self.maximum or self.step <= 0:
            raise ValueError("`neutral` must lie within `minimum`..`maximum`, and `step` above 0")
        return self


class LegMove(Entry):
    """Where a factor puts one slider. The size is for the eye, not a measurement."""

    input: Id
    to: float


class LegFactor(Provenance):
    """How the leg shows a factor that is present: what moves, said in both voices."""

    id: Id
    factor: Id
    moves: tuple[LegMove, ...]
    what_moves: Voices


class LegMovement(Provenance):
    """A movement to play: `curves` over the cycle (0..100 %). `force` is the published peak with which the curve
    `force_profile` (0..1) is scaled; without it the force is that of standing still."""

    id: Id
    label: Voices
    seconds: float
    weight_share: float
    on_stairs: bool = False
    force: Id | None = None
    curves: tuple[MovementCurve, ...]


class LegLabel(Entry):
    """A word beside the drawing, at a named place of it; `views` are those in which it stands (all, if none is named)."""

    id: Id
    anchor: Text
    label: Voices
    views: tuple[Literal["front", "side", "angled", "kneecap"], ...] = ()
    clinician_only: bool = False


class LegWord(Entry):
    """One text of the leg's controls and sentences; `{name}` is filled in."""

    id: Id
    text: Voices


class LegModel(Entry):
    """The drawn leg: sliders, where they start, factors, movements, constants, words."""

    explains: Voices
    inputs: tuple[LegInput, ...]
    start: tuple[LegMove, ...]
    factors: tuple[LegFactor, ...]
    movements: tuple[LegMovement, ...]
    values: tuple[Value, ...]
    curves: tuple[Curve, ...]
    labels: tuple[LegLabel, ...]
    words: tuple[LegWord, ...]


# --- Words ---------------------------------------------------------------------------------------------------------


class ForbiddenTerm(Entry):
    """A term no patient reads, and what we say instead."""

    pattern: Text
    instead: Text
    why: Text


class Wording(Entry):
    """The wording gate."""

    max_reading_grade: float
    grade_status: Status
    forbidden: tuple[ForbiddenTerm, ...]
    status_labels: tuple[StatusLabel, ...]
    strength_labels: tuple[StrengthLabel, ...]


class StatusLabel(Entry):
    """How a status is named on screen."""

    status: Status
    label: Text
    meaning: Text


class StrengthLabel(Entry):
    """How a strength word is said."""

    strength: Strength
    label: Voices
    order: int


# --- Cases ---------------------------------------------------------------------------------------------------------


class CaseFinding(Entry):
    """A finding of a case, as it would stand in a findings file."""

    finding: Id
    value: float | bool | str | tuple[str, ...]


class CaseStage(Entry):
    """One step of a case: new information, a question to commit to, and the feedback after the commitment."""

    id: Id
    title: Text
    told: Text
    findings: tuple[CaseFinding, ...]
    question: Text
    kind: Literal["one", "several"]
    answers: tuple[CaseAnswer, ...]
    feedback: Text


class CaseAnswer(Entry):
    """One possible commitment. `expected` answers are what the reasoning supports."""

    id: Id
    text: Text
    expected: bool
    why: Text
    evidence: tuple[Id, ...] = ()


class Case(Entry):
    """A worked case for trainees. It is invented and says so."""

    id: Id
    title: Text
    invented: Literal[True]
    about: Text
    stages: tuple[CaseStage, ...]
    learned: tuple[Text, ...]


class ContentVersion(Entry):
    """Version, dates and update policy of the knowledge (IPDAS 2.2.2 and 2.2.3)."""

    version: Text
    compiled_on: datetime.date
    review_due: datetime.date
    update_policy: Text
    funding: Text
    intended_use: Voices
    not_for: tuple[Text, ...]
    compiled_from: Text


class KnowledgeBase(Entry):
    """Everything we claim, frozen. `value(id)`, `entry(id)` find by id."""

    content: ContentVersion
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    derived_facts: tuple[DerivedFact, ...]
    response_rules: tuple[ResponseRule, ...]
    red_flags: tuple[RedFlag, ...]
    differentials: tuple[Differential, ...]
    factors: tuple[Factor, ...]
    clinical_tests: tuple[ClinicalTest, ...]
    mechanisms: MechanismGraph
    diagnosis: DiagnosisCriteria
    subcategories: tuple[Subcategory, ...]
    options: tuple[Option, ...]
    positions: tuple[Position, ...]
    profiles: tuple[GuidelineProfile, ...]
    rules: tuple[Rule, ...]
    stop_rules: tuple[StopRule, ...]
    reviews: tuple[Review, ...]
    conflicts: tuple[Conflict, ...]
    techniques: tuple[Technique, ...]
    facts: tuple[Fact, ...]
    values: tuple[Value, ...]
    strategies: tuple[Strategy, ...]
    retired_rules: tuple[RetiredRule, ...]
    instruments: tuple[Instrument, ...]
    prognosis: tuple[Prognosis, ...]
    load: LoadModel
    geometry: tuple[Value, ...]
    leg: LegModel
    statements: tuple[Statement, ...]
    gaps: tuple[Gap, ...]
    wording: Wording
    cases: tuple[Case, ...]

    def entry(self, entry_id: str) -> Entry:
        """The entry with this id, wherever it stands. Raises KeyError."""
        return self._index[entry_id]

    def has(self, entry_id: str) -> bool:
        """Whether an entry with this id exists."""
        return entry_id in self._index

    @functools.cached_property
    def _index(self) -> dict[str, Entry]:
        return {entry.id: entry for _, entry in walk(self) if hasattr(entry, "id")}


def walk(entry: Entry, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Entry]]:
    """Every entry below and with this one, with its path: depth first, in file order."""
    yield path, entry
    for name in type(entry).model_fields:
        child = getattr(entry, name)
        if isinstance(child, Entry):
            yield from walk(child, (*path, name))
        elif isinstance(child, tuple):
            for position, item in enumerate(child):
                if isinstance(item, Entry):
                    yield from walk(item, (*path, name, position))


for _model in list(globals().values()):
    if isinstance(_model, type) and issubclass(_model, Entry):
        _model.model_rebuild()
