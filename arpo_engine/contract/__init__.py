"""The seam between the engine and the console: configs, events, tasks, reporting and errors.

Only pydantic and the standard library are imported here, so that the web may import it without torch or Ray.
"""
