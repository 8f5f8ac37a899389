"""What was seen: turns, scans within a memory budget, and moving through them in time."""
