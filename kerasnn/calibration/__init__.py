"""What is fitted on validation rows: temperature, decision threshold, conformal sets, ensemble weights."""
