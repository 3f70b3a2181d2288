"""Columns: which kind each is, and what its cells mean."""
