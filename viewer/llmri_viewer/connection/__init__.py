"""The connection to a server: a thread that reads and writes, and what arrives checked."""
