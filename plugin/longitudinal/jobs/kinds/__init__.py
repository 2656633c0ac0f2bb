"""What jobs do, one kind a module: index, align, refine, recheck."""
