"""What the server measured, and what is asked of it."""
