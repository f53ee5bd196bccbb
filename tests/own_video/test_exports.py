"""Files for other programs, read back by independent means."""

import io
import itertools
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from avvp_lib.corpora.events import EVENT_COLUMNS
from avvp_lib.own_video.exports import audacity_labels, elan, events_csv, parsed_json, relative_path, webvtt
from avvp_lib.own_video.page import page_data, page_html
from tests.own_video.small_parser import parsed_video

EVENTS = [  # modality, category, onset, offset, mean probability; the video ends within its last second
    ("audio", "Dog", 2.5, 5.5, 0.9),
    ("audio", "Car", 4.5, 7.5, 0.75),
    ("visual", "Car", 4.5, 7.5, 0.75),
    ("audio", "Dog", 10.5, 14.9, 0.7),
]


def names(parsed):
    """LLP's names of the categories 7 and 1, as EVENTS calls them."""
    return {"Dog": parsed.categories[7], "Car": parsed.categories[1]}


def expected(parsed):
    return [(m, names(parsed)[c], a, b, p) for m, c, a, b, p in EVENTS]


def test_events_are_in_seconds_of_the_video():
    parsed = parsed_video()
    found = parsed.events[["modality", "category", "onset", "offset", "mean_probability"]].round(6)
    assert sorted(found.itertuples(index=False, name=None)) == sorted(expected(parsed))
    assert found["onset"].is_monotonic_increasing


def test_no_event_of_a_modality_that_is_not_there():
    from dataclasses import replace

    assert set(replace(parsed_video(), missing=("audio",)).events["modality"]) == {"visual"}
    empty = replace(parsed_video(), missing=("audio", "visual")).events
    assert len(empty) == 0 and list(empty.columns)[:5] == list(EVENT_COLUMNS)


def test_csv():
    parsed = parsed_video()
    table = pd.read_csv(io.StringIO(events_csv(parsed)))
    assert list(table.columns) == [*EVENT_COLUMNS, "mean_probability"]
    assert set(table["video"]) == {"street & co"}
    assert sorted(table.drop(columns="video").itertuples(index=False, name=None)) == sorted(expected(parsed))


def test_json_holds_probabilities_and_provenance():
    parsed = parsed_video()
    read = json.loads(parsed_json(parsed))
    assert read["format"] == "avvp-parse/1" and read["provenance"]["trained on"] == "nothing"
    assert np.array(read["segment_prob"]["audio"]).shape == (13, 25)
    np.testing.assert_allclose(np.array(read["segment_prob"]["visual"]), parsed.segment_prob[:, 1])
    assert len(read["events"]) == 4 and read["start"] == 2.5 and read["end"] == 14.9 and read["notes"] == ["a --> b"]


def test_webvtt_cues():
    text = webvtt(parsed_video())
    blocks = text.strip().split("\n\n")
    assert blocks[0] == "WEBVTT" and blocks[1].startswith("NOTE\n") and "-->" not in blocks[1]
    assert "trained on: nothing" in blocks[1]
    cues = [block.splitlines() for block in blocks[2:]]
    assert len(cues) == 4 and all(len(cue) == 3 for cue in cues)
    clock = r"\d\d:[0-5]\d:[0-5]\d\.\d{3}"
    assert all(re.fullmatch(rf"{clock} --> {clock}", cue[1]) for cue in cues)
    assert cues[-1][1:] == ["00:00:10.500 --> 00:00:14.900", "heard: Dog (0.70)"] or "heard: " in cues[-1][2]


def test_webvtt_of_hours():
    text = webvtt(parsed_video(start=7199.0))
    assert "01:59:59.000 --> 02:00:02.000" in text


def test_audacity_labels():
    parsed = parsed_video()
    lines = [line.split("\t") for line in audacity_labels(parsed).splitlines()]
    assert {len(line) for line in lines} == {3}
    spans = sorted((float(onset), float(offset)) for onset, offset, _ in lines)
    assert spans == sorted((a, b) for _, _, a, b, _ in EVENTS)
    assert {line[2].split(": ")[0] for line in lines} == {"heard", "seen"}


# What EAF 3.0 asks for, element by element: required attributes, and the children in their order.
EAF = {
    "ANNOTATION_DOCUMENT": (
        {"AUTHOR", "DATE", "VERSION"},
        ["LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT"],
    ),
    "HEADER": (set(), ["MEDIA_DESCRIPTOR", "LINKED_FILE_DESCRIPTOR", "PROPERTY"]),
    "MEDIA_DESCRIPTOR": ({"MEDIA_URL", "MIME_TYPE"}, []),
    "PROPERTY": (set(), []),
    "TIME_ORDER": (set(), ["TIME_SLOT"]),
    "TIME_SLOT": ({"TIME_SLOT_ID"}, []),
    "TIER": ({"TIER_ID", "LINGUISTIC_TYPE_REF"}, ["ANNOTATION"]),
    "ANNOTATION": (set(), ["ALIGNABLE_ANNOTATION"]),
    "ALIGNABLE_ANNOTATION": ({"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"}, ["ANNOTATION_VALUE"]),
    "ANNOTATION_VALUE": (set(), []),
    "LINGUISTIC_TYPE": ({"LINGUISTIC_TYPE_ID"}, []),
    "CONSTRAINT": ({"STEREOTYPE"}, []),
}
ALLOWED = {
    "ANNOTATION_DOCUMENT": {"FORMAT", "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"},
    "HEADER": {"MEDIA_FILE", "TIME_UNITS"},
    "MEDIA_DESCRIPTOR": {"RELATIVE_MEDIA_URL", "TIME_ORIGIN", "EXTRACTED_FROM"},
    "PROPERTY": {"NAME"},
    "TIME_SLOT": {"TIME_VALUE"},
    "TIER": {"PARTICIPANT", "ANNOTATOR", "DEFAULT_LOCALE", "PARENT_REF", "EXT_REF", "LANG_REF"},
    "LINGUISTIC_TYPE": {"TIME_ALIGNABLE", "GRAPHIC_REFERENCES", "CONSTRAINTS"},
    "CONSTRAINT": {"DESCRIPTION"},
}


def check_eaf(node: ElementTree.Element) -> None:
    """Refuse an element that EAF 3.0 does not have, has elsewhere, or asks more of."""
    required, children = EAF[node.tag]
    assert required <= set(node.attrib) <= required | ALLOWED.get(node.tag, set()), node.tag
    order = [children.index(child.tag) for child in node]
    assert order == sorted(order), f"children of {node.tag} are out of order"
    for child in node:
        check_eaf(child)


def test_elan_document_has_the_structure_of_eaf_3(tmp_path):
    parsed = parsed_video()
    text = elan(parsed, tmp_path / "media" / "street & co.mp4", tmp_path / "out")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    root = ElementTree.fromstring(text)
    check_eaf(root)
    assert root.get("FORMAT") == root.get("VERSION") == "3.0"
    descriptor = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert descriptor.get("RELATIVE_MEDIA_URL") == "../media/street & co.mp4"
    assert descriptor.get("MIME_TYPE") == "video/mp4" and descriptor.get("MEDIA_URL").startswith("file:///")
    assert any("trained on: nothing" in node.text for node in root.iter("PROPERTY"))


def test_elan_tiers_refer_to_slots_that_exist_and_do_not_overlap(tmp_path):
    parsed = parsed_video()
    root = ElementTree.fromstring(elan(parsed, tmp_path / "a.mp4", tmp_path))
    values = [int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")]
    assert values == sorted(values)
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    types = {node.get("LINGUISTIC_TYPE_ID") for node in root.iter("LINGUISTIC_TYPE")}
    ids, found = [], []
    for tier in root.iter("TIER"):
        assert tier.get("LINGUISTIC_TYPE_REF") in types
        spans = []
        for node in tier.iter("ALIGNABLE_ANNOTATION"):
            ids.append(node.get("ANNOTATION_ID"))
            spans.append((slots[node.get("TIME_SLOT_REF1")], slots[node.get("TIME_SLOT_REF2")]))
        assert all(a < b for a, b in spans) and all(x[1] <= y[0] for x, y in itertools.pairwise(spans))
        found += [(tier.get("PARTICIPANT"), a / 1000, b / 1000) for a, b in spans]
    assert len(set(ids)) == len(ids) and len({tier.get("TIER_ID") for tier in root.iter("TIER")}) == 3
    assert sorted(found) == sorted((m, a, b) for m, _, a, b, _ in EVENTS)


def test_the_check_of_elan_documents_can_fail(tmp_path):
    root = ElementTree.fromstring(elan(parsed_video(), tmp_path / "a.mp4", tmp_path))
    root.append(ElementTree.Element("TIER", TIER_ID="late", LINGUISTIC_TYPE_REF="event"))
    with pytest.raises(AssertionError, match="out of order"):
        check_eaf(root)


def test_the_page_asks_nobody_and_says_what_it_used(tmp_path):
    parsed = parsed_video(tmp_path / "street & <co>.mp4")
    text = page_html(parsed, parsed.path, tmp_path / "out")
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9][\w.-]+", text))
    assert addresses == {"http://www.w3.org"}, "the name of SVG, which is no request"
    assert 'src="../street%20%26%20%3Cco%3E.mp4"' in text and "street &amp; &lt;co&gt;.mp4" in text
    assert "a model &lt;for tests&gt;, trained on nothing" in text and "<for tests>" not in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))
    assert data == json.loads(json.dumps(page_data(parsed)))


def test_the_lanes_of_the_page():
    parsed = parsed_video()
    data = page_data(parsed)
    assert [c["name"] for c in data["categories"]] == [parsed.categories[i].replace("_", " ") for i in (1, 7)]
    heard, seen = data["categories"][0]["lanes"]
    assert heard["events"] == seen["events"] == [[4.5, 7.5, 0.75]]
    assert len(heard["probability"]) == 13 and heard["probability"][3] == 0.75
    assert data["categories"][1]["lanes"][1]["events"] == []


def test_relative_paths():
    assert relative_path(Path("/a/b/clip.mp4"), Path("/a/b/out")) == "../clip.mp4"
    assert relative_path(Path("/a/out/video.mp4"), Path("/a/out")) == "video.mp4"
