"""Pages of the storage app."""
