"""What to align with what, and when: decisions from the index alone, without pixels."""
