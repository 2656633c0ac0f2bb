"""Datasets to domain and back. Knows pydicom and numpy, never Orthanc."""
