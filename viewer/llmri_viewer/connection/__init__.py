"""What comes over the connection to a server: whether it can be."""
