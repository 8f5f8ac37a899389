"""Where things are: the window's parts, cameras and axes."""
