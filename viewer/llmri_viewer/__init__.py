"""The viewer: connects to a model server, draws what it hears, sends edits back."""
