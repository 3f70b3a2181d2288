"""The training of `kerasnn.train` behind the interface of scikit-learn.

::

    classifier, regressor   what is public
    base                    parameters to configuration, rows to a trained bundle
    rows                    what scikit-learn hands over, as a table
    saving                  the bundle with what else an estimator knows, and back
"""

from __future__ import annotations

from kerasnn.estimators.classifier import Classifier
from kerasnn.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
