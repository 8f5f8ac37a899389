"""What every runtime does alike."""
