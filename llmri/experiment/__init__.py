"""`llmri experiment`: what units are for, tested on a model and told with its doubt."""
