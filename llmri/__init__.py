"""An MRI for language models."""
