"""Model files: where they lie, what they are, and whether they are what the sweep says."""
