"""Benchmarks and conformance runs of wsgicache; ``python -m benchmarks --help`` lists them."""
