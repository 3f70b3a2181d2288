"""Networks for what comes in an order: texts, series, sounds, the past of a forecast."""
