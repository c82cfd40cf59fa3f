"""Weights that other projects have published: read without running their code, recognised by keys and shapes."""
