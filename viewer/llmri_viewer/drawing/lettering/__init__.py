"""How text becomes pixels: fonts, runs of one font and direction, letters rendered once."""
