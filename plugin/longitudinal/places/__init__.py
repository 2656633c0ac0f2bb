"""Places: points of the body kept in the archive as structured reports, one for each study, one tracking UID over all."""
