"""The numbers that views show, worked out of scans and answers."""
