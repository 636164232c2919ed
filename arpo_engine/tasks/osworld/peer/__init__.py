"""The program that runs OSWorld's own setup and scoring, in the environment of `./arpo setup osworld`.

Nothing here may import the engine, pydantic or anything but the standard library, `requests` and `desktop_env`: the
program runs as another user, in another environment, and is spoken to over a pipe (`scoring.py` is the other end).
"""
