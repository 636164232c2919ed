"""The queue as arithmetic: which run may start, what the others wait for, and when their turn may come."""
