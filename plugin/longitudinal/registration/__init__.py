"""Registration of one scan to another; SimpleITK and Greedy, never in Orthanc's process."""
