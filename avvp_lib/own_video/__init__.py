"""Parse a video of one's own: any length, any container, with files for other programs and a page to look at."""

from avvp_lib.own_video.output import OutputError, whole_folder, write_files
from avvp_lib.own_video.parsers import DEFAULT_RECIPE, Parser, checkpoint_parser, parser_on_bench, trained_parser
from avvp_lib.own_video.parsing import DEFAULT_HOP, ParsedVideo, parse_video

__all__ = [
    "DEFAULT_HOP",
    "DEFAULT_RECIPE",
    "OutputError",
    "ParsedVideo",
    "Parser",
    "checkpoint_parser",
    "parse_video",
    "parser_on_bench",
    "trained_parser",
    "whole_folder",
    "write_files",
]
