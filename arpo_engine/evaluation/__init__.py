"""Measuring a policy without teaching it."""
