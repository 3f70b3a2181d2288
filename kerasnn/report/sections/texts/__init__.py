"""Texts, and the words that matter."""
