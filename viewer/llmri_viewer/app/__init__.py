"""The running program: the session, its window, and what moves them."""
