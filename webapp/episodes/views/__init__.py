"""Pages and fragments about what the agents did."""
