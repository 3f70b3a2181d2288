"""``model="auto"``: which networks are trained, and what the data decide of their configuration."""
