"""What radiotherapy objects and segmentations state about themselves."""
