"""The server's command line: options, the chat in its terminal or a pipe, signals, logs."""
