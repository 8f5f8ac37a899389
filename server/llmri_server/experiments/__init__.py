"""Experiments over a runtime: choosing units, conditions, marks before and after."""
