"""The test suites of other projects, run with their applications behind this cache."""
