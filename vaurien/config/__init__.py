"""Settings from a file or from flags: files become sections with lines, sections become `Settings`."""
