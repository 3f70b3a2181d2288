"""From raw rows to predictions: preprocessing, network, calibration, decision."""
