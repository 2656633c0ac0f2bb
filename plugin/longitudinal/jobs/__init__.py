"""Work that takes longer than a request: queued in the sidecar, survives a crash, can be watched and cancelled."""
