"""What every viewer shares: colours, the key table, names of commands, words and numbers. No window."""
