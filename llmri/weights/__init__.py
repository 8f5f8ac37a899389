"""What a checkpoint holds: `llmri weights`."""
