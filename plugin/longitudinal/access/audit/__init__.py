"""The audit: who saw and did what, in files of its own that show when a line was removed, changed, moved or cut off."""
