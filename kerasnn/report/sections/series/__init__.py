"""Series and sounds."""
