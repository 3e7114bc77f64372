"""About: intended use, versions, and who it is not for."""

from kneewise.ui import about, frame, material, session

frame.open_page("about")
knowledge = material.knowledge()
about.show_purpose(knowledge, session.view())
about.show_promises()
about.show_versions(knowledge)
