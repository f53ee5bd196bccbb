"""From media files to feature banks."""

from avvp_lib.features.backbones import BACKBONES, Backbone, build_backbone
from avvp_lib.features.bank import BackboneCard, FeatureBank
from avvp_lib.features.extraction import ExtractionReport, extract
from avvp_lib.features.media import Media, MediaError, read_media

__all__ = [
    "BACKBONES",
    "Backbone",
    "BackboneCard",
    "ExtractionReport",
    "FeatureBank",
    "Media",
    "MediaError",
    "build_backbone",
    "extract",
    "read_media",
]
