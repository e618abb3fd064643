"""The types of Pyramid, of what the examples of the documentation use; the rest has none."""
