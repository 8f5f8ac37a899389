"""What lies over a view or in its place: the help, a box to type in, the lasso, a word on what is missing."""
