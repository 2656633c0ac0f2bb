"""How far the figures of an alignment can be trusted, one section a module."""
