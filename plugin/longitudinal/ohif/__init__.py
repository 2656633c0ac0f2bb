"""OHIF on the same server: its built app, made independent of where it is served, and its configuration."""
