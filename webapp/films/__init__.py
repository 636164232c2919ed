"""Episodes as films, and what of a task was recorded before and after."""
