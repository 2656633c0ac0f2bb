"""The routes: parse -> domain -> encode. Knows nothing of Orthanc's interpreter."""
