"""Image objects: from a dataset to the planes of its frames, or the reason that it has none."""
