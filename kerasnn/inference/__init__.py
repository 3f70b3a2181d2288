"""Batched forward passes of any network, in batches bounded by memory."""
