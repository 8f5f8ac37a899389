"""The pages of `docs/` that tables give: `python -m docs.make.protocol`, `python -m docs.make.keys`."""
