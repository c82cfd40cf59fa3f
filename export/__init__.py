"""A generator leaves PyTorch."""
