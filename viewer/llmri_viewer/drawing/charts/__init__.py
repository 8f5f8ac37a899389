"""What several pictures share of a chart: axes, colour bars, sparklines, marks of units."""
