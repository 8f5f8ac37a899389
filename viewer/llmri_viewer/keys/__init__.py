"""The key table, and what is made from it: the help, the pages, the translation of presses."""
