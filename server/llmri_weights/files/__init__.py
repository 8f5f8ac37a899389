"""Where a checkpoint's tensors lie, from headers alone."""
