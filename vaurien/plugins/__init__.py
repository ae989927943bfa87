"""What behaviors, protocols and toxics have in common: declared options, and registries that find them by name."""
