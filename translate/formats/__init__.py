"""File formats that need more than one call of a library: one file each."""
