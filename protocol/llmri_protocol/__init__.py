"""The wire, without I/O: frames, messages, codecs and connection states."""
