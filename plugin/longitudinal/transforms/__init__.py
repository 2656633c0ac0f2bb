"""Point maps between Frames of Reference: what they are, how they are fitted, how they chain."""
