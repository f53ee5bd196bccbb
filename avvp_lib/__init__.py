"""Weakly supervised audio-visual video parsing and segmentation: models, losses, metrics, data."""

__version__ = "0.1.0"
