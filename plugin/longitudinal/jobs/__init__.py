"""Work that takes longer than a request: it is queued in the sidecar, survives a crash, and can be watched and cancelled."""
