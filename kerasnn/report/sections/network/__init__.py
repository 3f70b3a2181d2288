"""The network as a graph of its layers."""
