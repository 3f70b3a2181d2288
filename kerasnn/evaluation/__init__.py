"""How good a network is, beside honest baselines.

::

    scores             metrics, intervals, baselines and slices in one object
    baselines          majority, frequencies or mean, linear, gradient boosting
    comparison         whether the network is better than the baselines
    coverage           how often conformal sets and intervals hold the truth
    slices             the scores of each value of a column
    caveats            what limits the scores: few rows, uneven classes
    ensemble_summary   the scores of the members of an ensemble
    predicted_rows     held-out rows beside their predictions
"""
