"""Words: numbers, names, edits, and why something is not there."""
