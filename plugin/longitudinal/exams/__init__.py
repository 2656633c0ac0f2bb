"""Exams: records of another system, and the images in the archive that belong to them."""
