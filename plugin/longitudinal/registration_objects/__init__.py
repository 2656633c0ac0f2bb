"""Registration objects (DICOM REG) in the archive: given by people, written by the plugin, and the statements about them."""
