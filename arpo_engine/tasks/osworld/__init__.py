"""OSWorld's tasks, and its own code that sets a desktop up and scores it."""
