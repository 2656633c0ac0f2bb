"""Planes, stacks and point maps in patient coordinates (LPS, millimetres, float64). Knows numpy only."""
