"""The decision aid: tape, orthoses, both, neither, on top of exercise."""

from kneewise.reasoning import assess
from kneewise.ui import decision, frame, material, session, sheet

frame.open_page("decision_aid")
knowledge = material.knowledge()
current = sheet.current(knowledge)
sheet.offer_sources(knowledge, current)
decision.show(knowledge, current, assess(current.findings, knowledge), session.view())
