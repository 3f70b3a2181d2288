"""A Keras model zoo and command line."""
