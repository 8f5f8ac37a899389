"""Print `docs/keys.md` as the key table gives it: `python -m llmri_viewer.keys_page > docs/keys.md`."""

import sys

from llmri_viewer import bindings

if __name__ == "__main__":
    sys.stdout.write(bindings.markdown(bindings.load()))
