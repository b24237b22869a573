"""Which candidates are kept, and what a selection has done."""
