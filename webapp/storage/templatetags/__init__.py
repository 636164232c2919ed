"""Template tags of the storage app."""
