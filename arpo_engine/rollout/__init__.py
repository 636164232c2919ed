"""Episodes: an agent, a generator and a desktop brought together until a task is over."""
