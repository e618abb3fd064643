"""What browsers do with a response, measured: ``python -m tests.browsers``."""
