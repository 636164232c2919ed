"""What a run needs before it is started: memory, hours, desktops, disk. Arithmetic on a config; loads nothing."""
