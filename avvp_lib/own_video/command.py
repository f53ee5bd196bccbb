"""What `avvp parse` does: check, parse, write, and say which weights were used."""

from __future__ import annotations

import argparse
from pathlib import Path

from avvp_lib.own_video.exports import about_lines, label
from avvp_lib.own_video.output import whole_folder, write_files
from avvp_lib.own_video.parsers import Parser, checkpoint_parser, trained_parser
from avvp_lib.own_video.parsing import ParsedVideo, parse_video
from avvp_lib.own_video.reading import Reading, VideoWindows
from avvp_lib.workspace import shown

LISTED = 20
"""Events that the terminal shows; the files hold all."""


def parse_to_folder(args: argparse.Namespace) -> Path:
    """Parse a video into a folder and print what was found; returns the folder.

    What is wrong with the video or the folder is said before a model is trained or loaded.

    Raises:
        MediaError, OutputError, CheckpointError, ValueError: see `VideoWindows`, `whole_folder` and the parsers.
    """
    VideoWindows(args.video, Reading(None, ()), args.hop, args.start, args.end, args.on_missing)
    out = args.out if args.out is not None else Path.cwd() / f"{args.video.stem}.parsed"
    with whole_folder(out, args.overwrite) as temporary:
        parser = _parser(args)
        parsed = parse_video(args.video, parser, args.hop, args.start, args.end, args.on_missing)
        files = write_files(parsed, temporary, out, args.videos)
    print(f"\n{_report(parsed)}\n\n{shown(out)}: {', '.join(files)}")
    return out


def _parser(args: argparse.Namespace) -> Parser:
    if args.checkpoint is None:
        for option in ("model", "audio_gate", "visual_gate", "weights", "download"):
            if getattr(args, option):
                name = option.replace("_", "-")
                raise ValueError(f"--{name} belongs to a file of weights: give one with --checkpoint, or leave it out")
        return trained_parser(args.recipe, args.profile, args.corpus_seed, args.seed, say=print)
    gates = args.audio_gate, args.visual_gate
    return checkpoint_parser(args.checkpoint, args.model, gates, dict(args.weights), args.device, args.download)


def _report(parsed: ParsedVideo) -> str:
    """What the terminal shows: provenance, then the first events."""
    events = parsed.events
    lines = [
        *about_lines(parsed),
        "",
        f"{parsed.path.name}, {parsed.start:g} to {parsed.end:.2f} s: {len(events)} events",
    ]
    for event in events.head(LISTED).to_dict("records"):
        times = f"{event['onset']:9.2f} {event['offset']:9.2f}"
        lines.append(f"{times}  {event['mean_probability']:.2f}  {label(event['modality'], event['category'])}")
    if len(events) > LISTED:
        lines.append(f"... and {len(events) - LISTED} more")
    return "\n".join(lines)
