"""What is shown and known, as values: it draws nothing, and asks nobody for anything."""
