"""What clients ask for: the conversation, edits, measurements, protection, and the thread that does it."""
