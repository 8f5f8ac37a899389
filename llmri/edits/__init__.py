"""`llmri edits`: sets of edits as files, and what stands in a running server."""
