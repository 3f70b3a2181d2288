"""The steps of a training, from arguments to a run: read, choose, fit, evaluate, write."""
