"""Spatial Registration and Deformable Spatial Registration: read, checked and written."""
