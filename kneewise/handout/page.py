"""The take-home page as a PDF: what is in the plan, what may help, when we look again, when to stop.

The template `page.typ` gets everything as data, never as markup, and can read no file. Nothing on the page says whose
it is: there is no field for a name, a date of birth or a number, only lines to write on by hand.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from kneewise.errors import KneewiseError
from kneewise.handout.picture import checked_svg
from kneewise.handout.typesetting import FONTS, LARGEST_BYTES, clean, typeset
from kneewise.knowledge_base.models import KnowledgeBase
from kneewise.reasoning.conclusions import Conclusions

_TEMPLATE = Path(__file__).with_name("page.typ")
SAFETY_RULE = "stop.x8"
"""The stop rule that stands on every page, whatever is in the plan."""
STANDING = "leg_word.standing"
_SPEAKS_AGAINST = ("do_not", "refer", "suppressed")
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "picture": "What the picture shows",
        "plan": "What is in your plan",
        "helps": "What may help",
        "reviews": "When we look again",
        "when": "When",
        "check": "What we look at",
        "if_not": "If it has not gone well",
        "stops": "When to stop",
        "if": "If",
        "then": "Then",
        "safety": "Get help if this turns up:",
        "notes": "Notes:",
        "page": "Page",
        "of": "of",
        "title": "Your plan for your knee",
        "example": "Example: the plan of an invented person",
        "day": "Day",
        "guideline": "Guideline:",
        "sources": "Some of this page comes from studies, and some from how your clinic works. Your physio can show you which.",
    }
)
"""The words of the page that no patient's data changes."""


class PageRefused(KneewiseError):
    """The page could not be made; the one sentence says so."""


@dataclass(frozen=True)
class TakeHome:
    """The parts of the page as plain text in the patient's words.

    Parameters
    ----------
    plan, helps
        Pairs (label, text).
    reviews
        (day or date, what is looked at, what if it has not gone well).
    stops
        (if, then).
    safety
        What must not wait, whatever the plan is.
    version, compiled_on
        Of the knowledge base whose texts these are.
    sources
        Where the sources stand.
    shows, picture_svg
        What the picture shows, which is also its alternative text, and the picture; both or neither.
    """

    title: str
    plan: tuple[tuple[str, str], ...]
    helps: tuple[tuple[str, str], ...]
    reviews: tuple[tuple[str, str, str], ...]
    stops: tuple[tuple[str, str], ...]
    safety: str
    version: str
    compiled_on: datetime.date
    sources: str
    shows: str = ""
    picture_svg: str | None = None
    standing: str = ""


def take_home(
    knowledge: KnowledgeBase,
    conclusions: Conclusions,
    plan: Iterable[str],
    start: datetime.date | None = None,
    *,
    shows: str = "",
    picture_svg: str | None = None,
    is_example: bool = False,
) -> TakeHome:
    """What the page says for a plan: the patient's texts of the knowledge base, and nothing that is not in the plan.

    A strategy is on the page when the findings suggest it and its option is in the plan (or goes together with one that
    is), so that nobody reads at home about tape that was ruled out here.

    Parameters
    ----------
    plan
        Ids of the options in the plan.
    start
        The first day; without it the page names days after the start.
    shows, picture_svg
        The picture that was put into the plan.
    is_example
        Whether the findings are those of the invented person; the page then says so in its title.

    Raises
    ------
    PageRefused
        After a red flag, where the plan holds what the findings speak against, and where the picture's sentence has a
        term that no patient reads.
    """
    chosen = [option for option in knowledge.options if option.id in set(plan)]
    _check_that_it_may_go_home(knowledge, conclusions, [option.id for option in chosen], shows)
    agreed = {option.id for option in chosen} | {needed for option in chosen for needed in option.requires}
    strategies = [
        knowledge.entry(each.id)
        for each in conclusions.strategies
        if each.suggested and (each.option is None or each.option in agreed)
    ]
    ids = {option.id for option in chosen}
    reviews = [review for review in conclusions.reviews if ids & set(review.options)]
    stops = [
        knowledge.entry(stop.id)
        for stop in conclusions.stop_rules
        if ids & set(stop.options) and stop.id != SAFETY_RULE
    ]
    safety = knowledge.entry(SAFETY_RULE)
    return TakeHome(
        title=WORDS["example"] if is_example else WORDS["title"],
        plan=tuple((option.label.patient, option.what_it_is.patient) for option in chosen),
        helps=tuple((each.label.patient, f"{each.what.patient} {each.verdict.patient}") for each in strategies),
        reviews=tuple(_review_row(knowledge, review.id, review.day, start) for review in reviews),
        stops=tuple((each.trigger.patient, each.action.patient) for each in stops),
        safety=f"{safety.trigger.patient}. {safety.action.patient}",
        version=knowledge.content.version,
        compiled_on=knowledge.content.compiled_on,
        sources=f"{WORDS['sources']} {WORDS['guideline']} {knowledge.entry(conclusions.profile).label}.",
        shows=shows,
        picture_svg=picture_svg,
        standing=knowledge.entry(STANDING).text.patient,
    )


def _check_that_it_may_go_home(
    knowledge: KnowledgeBase, conclusions: Conclusions, options: Iterable[str], shows: str
) -> None:
    if conclusions.suppressed:
        raise PageRefused("There is no take-home page while something has to be looked at first.")
    for option in options:
        advice = conclusions.option(option)
        if advice.blocks or advice.strength in _SPEAKS_AGAINST:
            label = knowledge.entry(option).label.clinician
            raise PageRefused(
                f"The plan holds what these findings speak against: {label}. Take it out to make the page."
            )
    if any(re.search(term.pattern, shows, flags=re.IGNORECASE) for term in knowledge.wording.forbidden):
        raise PageRefused(
            "The sentence of the picture has a term that no patient reads: put the picture into the plan again in the "
            "patient's words."
        )


def _review_row(knowledge: KnowledgeBase, review: str, day: int, start: datetime.date | None) -> tuple[str, str, str]:
    entry = knowledge.entry(review)
    date = start + datetime.timedelta(days=day) if start else None
    when = f"{date.day} {date:%b %Y}" if date else f"{WORDS['day']} {day}"
    return when, entry.check.patient, entry.if_not.patient if entry.if_not else ""


def take_home_page(content: TakeHome) -> bytes:
    """The page as a PDF file (A4, tagged, PDF/UA-1); the same content gives the same bytes.

    Raises
    ------
    PictureRefused
        When the picture is not a drawing that may be printed.
    PageRefused
        When the page can't be set: a picture without its sentence, or letters that no typeface here has.
    """
    if content.picture_svg is not None and not content.shows.strip():
        raise PageRefused("The page needs a sentence that says what its picture shows.")
    data = {
        **clean({name: part for name, part in asdict(content).items() if name not in ("picture_svg", "compiled_on")}),
        "picture": None if content.picture_svg is None else checked_svg(content.picture_svg),
        "content_line": f"Content {clean(content.version)} of {content.compiled_on:%d %B %Y}",
        "words": dict(WORDS),
        "fonts": FONTS,
    }
    refusal = PageRefused("The page could not be made from these texts and this picture.")
    page = typeset(_TEMPLATE, data, refusal)
    if len(page) > LARGEST_BYTES:
        raise PageRefused("With this picture the page is bigger than 1 MB: remove the picture to make the page.")
    return page
