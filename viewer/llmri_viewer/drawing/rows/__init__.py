"""Views with a row a layer: all layers at once, the influence map."""
