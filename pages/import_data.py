"""Bring in a clinic's export: names go before anything is stored."""

from kneewise.ui import frame, importing

frame.open_page("import_data")
importing.show_import()
importing.show_store()
importing.show_other_ways()
