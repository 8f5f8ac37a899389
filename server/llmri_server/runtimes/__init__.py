"""Which runtime serves a model, and what all runtimes share."""
