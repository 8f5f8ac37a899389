"""`python -m llmri`."""

from llmri.cli import main

main()
