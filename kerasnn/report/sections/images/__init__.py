"""Images, and what the network sees in them."""
