"""Files of runs and bundles: safe opening, atomic writing, locks, and bounded JSON."""
