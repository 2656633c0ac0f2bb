"""Reads stored objects of the archive into the sidecar, and keeps the two equal."""
