"""`llmri cluster`: collect scans from a running server, find the units that fire together, write one file."""
