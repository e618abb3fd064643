"""Targets for fuzzing (``python -m tests.fuzz NAME --seconds 600``), and what it has found.

A target is a function of bytes that returns if all is well. Most have an oracle beside the question
whether anything is raised: a slower, plainer reading of the same text, or a secret that must not
be seen.
"""
