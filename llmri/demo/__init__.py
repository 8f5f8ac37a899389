"""`llmri demo`: a conversation, an ablation, pictures and a table of what it did."""
