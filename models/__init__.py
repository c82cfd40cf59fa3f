"""Networks as the papers draw them, and what a model file says of itself."""
