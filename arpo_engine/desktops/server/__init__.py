"""The desktop server: speaks OSWorld's HTTP protocol for one X display. A program of its own, which may be copied.

It runs with Debian's own Python, on a machine or in a container where nothing of the engine is installed; so nothing
here imports the engine, and modules import each other by relative names only. See docs/adr/0010-desktop-server.md.
"""
