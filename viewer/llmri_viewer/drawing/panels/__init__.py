"""What stands around the view: status, layers, selection, edits, text, timeline, footer."""
