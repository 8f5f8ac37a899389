"""Views of units at places of a plane: the grid, the Hebbian layout, circles."""
