"""What people do, from events of the window to commands."""
