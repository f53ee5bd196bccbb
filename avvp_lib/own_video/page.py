"""The page of a parsed video: the player, and a lane for every category that is heard or seen. One file that asks nobody for anything.

page.html, page.css and page.js are put together with the data of one video. The video itself is not in it: the page names it by its
way from the page, so the two have to stay where they are to each other.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from avvp_lib.figures.style import readable
from avvp_lib.own_video.exports import SAID, about_lines, relative_path
from avvp_lib.own_video.parsing import PROBABILITY, ParsedVideo

HERE = Path(__file__).parent


def page_html(parsed: ParsedVideo, media: Path, folder: Path) -> str:
    """The page as text.

    Args:
        media: the video that it plays.
        folder: where the page will be.
    """
    source = relative_path(media, folder)
    about = [line.partition(": ") for line in about_lines(parsed)]
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(what)}</dd>" for name, _, what in about if what)
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(parsed.path.name),
        subtitle=html.escape(_subtitle(parsed)),
        weights=html.escape(f"{parsed.provenance['model']}, trained on {_trained_on(parsed)}"),
        source=html.escape(source if source.startswith("file:") else quote(source)),
        about=rows,
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        data=json.dumps(page_data(parsed)).replace("<", "\\u003c"),  # nothing in it may end the script element
    )


def _subtitle(parsed: ParsedVideo) -> str:
    events = parsed.events
    counts = ", ".join(f"{(events['modality'] == m).sum()} {said}" for m, said in SAID.items())
    return f"{_minutes(parsed.start)} to {_minutes(parsed.end)}: {len(events)} events, {counts}"


def _trained_on(parsed: ParsedVideo) -> str:
    trained = parsed.provenance["trained on"]
    return trained if isinstance(trained, str) else ", ".join(f"{k} {v}" for k, v in trained.items())


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    clock = f"{whole // 3600}:{whole % 3600 // 60:02d}" if whole >= 3600 else f"{whole // 60}"
    return f"{clock}:{whole % 60:02d}"


def page_data(parsed: ParsedVideo) -> dict[str, Any]:
    """What the script draws: the time that was parsed, and of each category with an event its events and probabilities."""
    events = parsed.events
    present = [name for name in parsed.categories if name in set(events["category"])]
    return {
        "start": round(parsed.start, 3),
        "end": round(parsed.end, 3),
        "categories": [
            {
                "name": readable(name),
                "lanes": [_lane(parsed, events, name, modality) for modality in SAID],
            }
            for name in present
        ],
    }


def _lane(parsed: ParsedVideo, events: Any, category: str, modality: str) -> dict[str, Any]:
    own = events[(events["category"] == category) & (events["modality"] == modality)]
    column = parsed.categories.index(category)
    return {
        "modality": modality,
        "said": SAID[modality],
        "missing": modality in parsed.missing,
        "events": own[["onset", "offset", PROBABILITY]].round(3).to_numpy().tolist(),
        "probability": parsed.segment_prob[:, list(SAID).index(modality), column].clip(0, 1).round(2).tolist(),
    }
