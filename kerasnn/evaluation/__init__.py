"""How good a network is, beside honest baselines: metrics, intervals, calibration, slices.

::

    predictions   truth, scores and decisions on the same rows
    metrics       the measures of each task; label_metrics, those of several labels a row
    weighting     sums by row weights that they share
    conditions    the least good values that are accepted
    intervals     bootstrap intervals, and of the difference between two models
    calibration   temperature, decision threshold, reliability curve
    conformal     sets and intervals that hold the truth as often as asked
    trust         how often they do, and how far off probabilities are
    baselines     majority, frequencies or mean, linear, gradient boosting
    comparison    whether the network wins against them
    slices        the scores of each value of a column
    importance    permutation importance
    scores        all of it in one object, as JSON data or as a table for the terminal
    curves        ROC, precision and recall, residuals
    boundary      what is decided over the plane of two numeric columns
    anatomy       a network as plain data
    judged        held-back rows beside what was predicted for them, the worst and the surest
    wording       words that push a prediction, by leaving them out
    telling       the words that tell most about a class, and how many are known
    readings      what a report shows of texts; traces, of series and sounds; gallery, of images
    story         what a run did and found, as plain data
    report        the story as one page for a browser
"""
