"""What `make bench` measures: ratios of things that ran side by side, so that they hold on other machines."""
