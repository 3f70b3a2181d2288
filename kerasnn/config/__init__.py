"""The configuration of a run: its values, where each came from, and its YAML file."""
