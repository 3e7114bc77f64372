"""The take-home page: the plan, the picture and what to watch, as one PDF in the patient's words."""
