"""Values at a place: statistics in a sphere, what they are in, over time."""
