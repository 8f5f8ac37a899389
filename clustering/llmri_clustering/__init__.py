"""Units that fire together: correlation, linkage, layouts. Numpy in, numpy out."""
