"""Views of what the model says: the likeliest tokens, the logit lens, two replies side by side."""
