"""Keys played from a script, through the event queue that a keyboard uses."""
