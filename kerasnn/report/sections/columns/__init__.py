"""Columns of a table that the network relies on."""
