"""A run as one page for a browser, drawn from its story alone.

::

    page          the story as one HTML page
    drawing       matplotlib figures as SVG in the colours of the page
    learning      learning curves, learning rate, the finder's sweep
    mistakes      of classes: confusion, ROC, precision and recall, calibration
    distances     of values: predicted against true, residuals
    trust         sets and intervals: what they promise, hold, and how large they are
    columns       importance and the decision boundary
    images        thumbnails: samples, mistakes, where a network looks
    texts         mistakes word by word, telling words, lengths
    series        series and sounds as small lines: samples, mistakes
    explained     the page of `kerasnn explain` for texts
    inside        weights, activations and gradients over the epochs
    network       the network as a picture
    tuning        the search for hyper-parameters: its course, and what each does
"""

from kerasnn.report.page import render

__all__ = ["render"]
