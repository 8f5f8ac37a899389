"""What runtimes and quantisation change about a model's activations: `llmri compare-runtimes`."""
