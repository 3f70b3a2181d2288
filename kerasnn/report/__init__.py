"""A run as one page for a browser, drawn from its report data alone.

::

    data             report data: plain data from which a page is drawn
    page             the report of a run on a table
    forecast_page    the report of a forecast
    explained_texts  the page of `kerasnn explain` for texts
    drawing          matplotlib figures as SVG in the colors of the page
    sections         one module or package for each section of a page
"""

from kerasnn.report.page import render

__all__ = ["render"]
