"""What measures speed and quality, each file runnable alone."""
