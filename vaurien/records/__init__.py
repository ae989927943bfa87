"""What has happened on a proxy: counters, histograms, the last faults, and the types of its status."""
