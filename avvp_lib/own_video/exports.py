"""A parsed video in the forms that other programs read: CSV, JSON, WebVTT, Audacity labels and ELAN. Each function returns text.

Times are seconds of the video itself, also where only a part of it was parsed, so every file fits the player, Audacity or ELAN with the
whole video open.
"""

from __future__ import annotations

import json
import mimetypes
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from avvp_lib.figures.style import readable
from avvp_lib.own_video.parsing import PROBABILITY, ParsedVideo

FORMAT = "avvp-parse/1"
SAID = {"audio": "heard", "visual": "seen"}
XSI = "http://www.w3.org/2001/XMLSchema-instance"  # names that the formats ask for; nothing is fetched
EAF_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
EAF_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}
"""The four that ELAN writes into every document, in its own words (and spelling)."""


def label(modality: str, category: str) -> str:
    """What a person reads: "heard: Baby laughter"."""
    return f"{SAID[modality]}: {readable(category)}"


def events_csv(parsed: ParsedVideo) -> str:
    """The events with the columns video, modality, category, onset, offset and mean_probability."""
    table = parsed.events.round({"onset": 3, "offset": 3, PROBABILITY: 4})
    return table.to_csv(index=False, lineterminator="\n")


def parsed_json(parsed: ParsedVideo) -> str:
    """Everything: provenance, notes, events, and the merged probabilities of every segment, category and modality."""
    return json.dumps(parsed_dict(parsed), indent=1, ensure_ascii=False) + "\n"


def parsed_dict(parsed: ParsedVideo) -> dict[str, Any]:
    """What `parsed_json` writes, as plain data."""
    events = parsed.events.round({"onset": 3, "offset": 3, PROBABILITY: 4}).drop(columns="video")
    return {
        "format": FORMAT,
        "video": parsed.path.name,
        "start": round(parsed.start, 3),
        "end": round(parsed.end, 3),
        "provenance": parsed.provenance,
        "missing": list(parsed.missing),
        "notes": list(parsed.notes),
        "categories": list(parsed.categories),
        "events": events.to_dict("records"),
        "segment_prob": {m: parsed.segment_prob[:, i].round(4).tolist() for i, m in enumerate(SAID)},
        "gate_prob": {m: parsed.gate_prob[:, i].round(4).tolist() for i, m in enumerate(SAID)},
    }


def about_lines(parsed: ParsedVideo) -> list[str]:
    """Which weights, what they were trained on, the gates and the windows, a line each; then the notes."""
    made = parsed.provenance
    windows = made["windows"]
    lines = [
        f"avvp {made['avvp']}",
        f"model: {made['model']}",
        f"weights: {_plain(made['weights'])}",
        f"trained on: {_plain(made['trained on'])}",
        f"features: {_plain(made['features'])}",
        f"text read by the model: {made['text']}",
        f"gates: {_plain(made['gates'])}",
        f"windows: {windows['number']} of {windows['seconds']} s, one every {windows['hop']} s; {made['merge']}",
    ]
    return [*lines, *(f"note: {note}" for note in parsed.notes)]


def _plain(value: Any) -> str:
    return ", ".join(f"{key} {inner}" for key, inner in value.items()) if isinstance(value, dict) else str(value)


def webvtt(parsed: ParsedVideo) -> str:
    """Subtitles: a cue an event, such as "heard: Dog (0.93)"; what goes on at a time stands on lines of its own."""
    blocks = ["WEBVTT", "\n".join(["NOTE", *(line.replace("-->", "->") for line in about_lines(parsed))])]
    for number, event in enumerate(_rows(parsed.events), start=1):
        times = f"{_clock(event['onset'])} --> {_clock(event['offset'])}"
        text = f"{label(event['modality'], event['category'])} ({event[PROBABILITY]:.2f})"
        blocks.append(f"{number}\n{times}\n{_escaped(text)}")
    return "\n\n".join(blocks) + "\n"


def _clock(seconds: float) -> str:
    """12.5 as 00:00:12.500."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def audacity_labels(parsed: ParsedVideo) -> str:
    """A label track: onset, offset and label of an event in a line, separated by tabs."""
    return "".join(
        f"{event['onset']:.6f}\t{event['offset']:.6f}\t{label(event['modality'], event['category'])}\n"
        for event in _rows(parsed.events)
    )


def _rows(events: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield from events.to_dict("records")


def elan(parsed: ParsedVideo, media: Path, folder: Path, now: datetime | None = None) -> str:
    """An ELAN document (EAF 3.0). Annotations of an ELAN tier must not overlap, so every category of a modality has a tier of its own;
    the modality is the tier's participant.

    Args:
        media: the video that it belongs to.
        folder: where the document will be; it names the video relative to it, too.
        now: date of the document.
    """
    ElementTree.register_namespace("xsi", XSI)
    now = now or datetime.now(UTC)
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        AUTHOR="avvp",
        DATE=now.isoformat(timespec="seconds"),
        FORMAT="3.0",
        VERSION="3.0",
    )
    root.set(f"{{{XSI}}}noNamespaceSchemaLocation", EAF_SCHEMA)
    header = ElementTree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    ElementTree.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        MEDIA_URL=media.absolute().as_uri(),
        MIME_TYPE=mimetypes.guess_type(media.name)[0] or "unknown",
        RELATIVE_MEDIA_URL=relative_path(media, folder),
    )
    for number, line in enumerate(about_lines(parsed)):
        ElementTree.SubElement(header, "PROPERTY", NAME=f"avvp {number}").text = line
    order = ElementTree.SubElement(root, "TIME_ORDER")
    events = parsed.events.assign(
        first=(parsed.events["onset"] * 1000).round().astype(int),
        last=(parsed.events["offset"] * 1000).round().astype(int),
    )
    slots = {time: f"ts{n}" for n, time in enumerate(sorted({*events["first"], *events["last"]}), start=1)}
    for time, slot in slots.items():
        ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    number = 0
    for (modality, category), group in events.groupby(["modality", "category"], sort=True):
        tier = ElementTree.SubElement(
            root,
            "TIER",
            LINGUISTIC_TYPE_REF="event",
            PARTICIPANT=modality,
            TIER_ID=label(modality, category),
        )
        for event in _rows(group):
            number += 1
            annotation = ElementTree.SubElement(
                ElementTree.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=slots[event["first"]],
                TIME_SLOT_REF2=slots[event["last"]],
            )
            ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = readable(category)
    ElementTree.SubElement(
        root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID="event", TIME_ALIGNABLE="true"
    )
    for name, description in EAF_CONSTRAINTS.items():
        ElementTree.SubElement(root, "CONSTRAINT", DESCRIPTION=description, STEREOTYPE=name)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def relative_path(media: Path, folder: Path) -> str:
    """The way from a folder to a file with forward slashes; the file's URI where there is none (another drive)."""
    try:
        return Path(os.path.relpath(media.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return media.absolute().as_uri()
