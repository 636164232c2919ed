"""Desktops that agents act on: one protocol, one folder or file per provider."""
