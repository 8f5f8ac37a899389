"""Everything that is drawn, from the state, the store and the meters alone."""
