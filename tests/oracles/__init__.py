"""Slow, plain implementations that the library is held against."""
