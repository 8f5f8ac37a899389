"""The connection to a server: a thread that reads and writes, and whether what arrives can be."""
