"""Sections of the report: what each collects from a run, and how it is drawn."""
