"""A finished run: its folder, and what can be done with its network."""
