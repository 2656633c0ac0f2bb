"""Structured reports that state a place of the body: read from anybody, written by the plugin."""
