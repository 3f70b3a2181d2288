"""Forecasts of one or many series: from a table of readings to values that are still to come."""
