"""From examples to features: everything in the metrics that sees examples themselves."""
