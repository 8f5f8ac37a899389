"""Everything that is drawn, from the state and the store alone; only `scene` knows the session."""
