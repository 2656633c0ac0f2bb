"""Structures and doses at a point, in every study of the patient."""
