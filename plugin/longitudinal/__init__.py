"""One anatomical point, every scan of the patient, in time order: a plugin for Orthanc."""

__version__ = "0.1.0"
