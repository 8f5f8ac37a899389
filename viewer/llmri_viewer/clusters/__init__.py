"""Clusters as the viewer needs them: samples collected, circles packed, activity ranked."""
