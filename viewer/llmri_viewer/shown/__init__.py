"""Which units a view shows, with which values and which scale."""
