"""Cases for trainees: commit to an answer first, then see the reasoning."""

from kneewise.ui import cases, frame, material

frame.open_page("cases")
knowledge = material.knowledge()
cases.show_case(knowledge, cases.choose_case(knowledge))
