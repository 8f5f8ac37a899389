"""Sessions in files: recorded from a server, looked into, checked and repaired."""
