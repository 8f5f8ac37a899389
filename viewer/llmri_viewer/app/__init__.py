"""The running program: the application, its window, and what moves them."""
