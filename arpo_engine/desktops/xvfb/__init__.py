"""Desktops with real applications on virtual displays of this host."""
