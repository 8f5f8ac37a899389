"""The key table, the names of keys, and what is made from the table: the help and the pages."""
