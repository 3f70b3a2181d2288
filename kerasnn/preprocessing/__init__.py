"""From raw columns to the arrays of a network, fitted on the training rows alone."""

from __future__ import annotations

from kerasnn.preprocessing.preprocessor import Prepared, Preprocessor

__all__ = ["Prepared", "Preprocessor"]
