"""Readers of files, folders and Python objects, and the checks that need no parser."""
