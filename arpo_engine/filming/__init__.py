"""Recorded episodes as a moving picture: screens, what was done to them, and words (ADR 13).

Knows Pillow, PyAV and the contract's actions; knows no run folder, no rows and no request: pictures are given as bytes.
`reel.py` is what a film is made of, `making.py` makes it.
"""
