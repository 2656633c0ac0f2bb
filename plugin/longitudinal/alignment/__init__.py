"""What to align with what, and when: choices over the index alone; the pixels are somebody else's business."""
