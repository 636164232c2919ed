"""Checkpoints of ARPO and EasyR1, as each rank of their FSDP wrote its part: read, put together, written as a model."""
