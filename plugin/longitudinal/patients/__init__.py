"""A patient in memory: studies in time order, stacks of planes, frames joined by transforms."""
