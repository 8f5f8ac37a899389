"""The model server: runtimes, capture, edits, generation, and the sockets they are served on."""
