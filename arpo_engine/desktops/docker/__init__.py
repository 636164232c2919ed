"""Desktops in containers of a Docker engine: our light image, and OSWorld's official one."""
