"""The evidence: every statement, rule and number with its source, status and date."""

from kneewise.ui import evidence, frame, material, session

frame.open_page("evidence")
evidence.show_part(material.knowledge(), evidence.choose_part(), session.view())
