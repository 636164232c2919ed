"""A run, or what somebody wrote of one, beside the pipeline of the published ARPO code."""
