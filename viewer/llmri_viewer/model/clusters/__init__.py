"""Clusters as the viewer needs them: samples collected, levels worth drawing, activity ranked."""
