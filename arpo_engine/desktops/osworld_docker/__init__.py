"""OSWorld's official desktop: a virtual machine in a container, from the user's disk."""
