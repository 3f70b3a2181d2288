"""Models for tables of numbers and categories."""
