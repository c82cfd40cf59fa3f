"""Weights that other projects have published: read without running anything of theirs, recognised by keys and shapes."""
