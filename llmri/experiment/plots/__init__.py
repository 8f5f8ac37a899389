"""Pictures of an experiment: bars, dose curves, or a heat map of a sweep."""
