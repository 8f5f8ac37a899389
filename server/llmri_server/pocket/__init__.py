"""Train and mark `pocket`, the bundled model."""
