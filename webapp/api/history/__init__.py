"""A history of many runs for benchmarks and pictures, made from one recorded run: varied, ingested, copied."""
