"""Metrics of all tasks, and the predictions that they are computed from.

::

    predictions     truth, scores and decisions on the same rows; forecasts, of forecasts
    registry        the metrics of each task; classification, multilabel, regression, forecast
    weighting       sums by row weights that they share
    conditions      the least good values that are accepted
    bootstrap       confidence intervals, and of the difference between two models
    curves          ROC, precision and recall, residuals
"""
