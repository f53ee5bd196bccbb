"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const video = at("video"), timeline = at("timeline"), lanes = at("lanes"), scroll = at("scroll"), cursor = at("cursor");
  const length = data.end - data.start;
  const NARROWEST = 3; // pixels that a second should have at first
  let here = data.start; // where the cursor is; the video's own time as far as it plays
  let zoom = 1;

  const make = (tag, parent, attributes = {}, text = "") => {
    const node = parent.appendChild(document.createElement(tag));
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    return node;
  };
  const clock = (seconds) => {
    const whole = Math.floor(seconds + 1e-6), pad = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
    return (hours ? `${hours}:${pad(minutes)}` : `${minutes}`) + `:${pad(whole % 60)}`;
  };
  const percent = (seconds) => `${(100 * (seconds - data.start)) / length}%`;

  // --- lanes -------------------------------------------------------------------------------------------------------------------------
  const drawCurve = (lane, probability) => {
    const space = "http://www.w3.org/2000/svg"; // a name, not an address
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", `0 0 ${length} 1`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(space, "path");
    const steps = probability.map((p, t) => `L${t} ${1 - p}L${Math.min(t + 1, length)} ${1 - p}`).join("");
    path.setAttribute("d", `M0 1${steps}V1Z`);
    svg.append(path);
    lane.append(svg);
  };
  const all = []; // every event, with where it is shown
  for (const category of data.categories) {
    const row = make("div", lanes, { class: "category", "data-category": category.name });
    const head = make("h3", row);
    make("span", head, {}, category.name);
    const said = make("small", head, { "aria-hidden": "true" });
    const tracks = make("div", row);
    for (const lane of category.lanes) {
      make("span", said, {}, lane.said);
      const track = make("div", tracks, { class: `lane ${lane.modality}${lane.missing ? " missing" : ""}` });
      track.title = lane.missing ? `${category.name}: the video has none of this stream` : `${category.name}, ${lane.said}`;
      if (!lane.missing) drawCurve(track, lane.probability);
      for (const [onset, offset, probability] of lane.events) {
        const bar = make("b", track);
        bar.style.left = percent(onset);
        bar.style.width = `${(100 * (offset - onset)) / length}%`;
        bar.title = `${category.name} ${lane.said}, ${clock(onset)} to ${clock(offset)}, mean probability ${probability}`;
        all.push({ onset, offset, probability, name: category.name, said: lane.said, modality: lane.modality });
      }
    }
  }

  // --- list of events ----------------------------------------------------------------------------------------------------------------
  all.sort((a, b) => a.onset - b.onset || a.name.localeCompare(b.name));
  at("none").hidden = all.length > 0;
  for (const event of all) {
    const button = make("button", make("li", at("events")), { type: "button" });
    make("span", button, {}, `${clock(event.onset)} – ${clock(event.offset)}`);
    make("span", button, { class: `key ${event.modality}`, "aria-hidden": "true" });
    make("span", button, {}, `${event.name}, ${event.said}`);
    make("small", button, { title: "mean probability" }, event.probability.toFixed(2));
    button.addEventListener("click", () => go(event.onset));
    event.button = button;
  }

  // --- time axis and zoom ------------------------------------------------------------------------------------------------------------
  const drawTicks = (width) => {
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600];
    const step = steps.find((s) => (s * width) / length >= 64) || steps.at(-1);
    at("ticks").replaceChildren();
    for (let t = Math.ceil(data.start / step) * step; t <= data.end + 1e-6; t += step) {
      const edge = t - data.start < step / 5; // a label in the middle of its tick would stick out
      make("span", at("ticks"), { class: edge ? "edge" : "" }, clock(t)).style.left = percent(t);
      make("i", at("ticks")).style.left = percent(t);
    }
  };
  const applyZoom = () => {
    timeline.style.width = `${100 * zoom}%`;
    drawTicks(at("ticks").clientWidth);
    place(true);
  };
  const firstZoom = () => {
    timeline.style.width = "100%";
    const room = at("ticks").clientWidth / length;
    return Math.max(1, 2 ** Math.ceil(Math.log2(NARROWEST / room)));
  };
  at("in").addEventListener("click", () => { zoom = Math.min(zoom * 2, Math.max(4, (length * 60) / scroll.clientWidth)); applyZoom(); });
  at("out").addEventListener("click", () => { zoom = Math.max(zoom / 2, 1); applyZoom(); });
  at("fit").addEventListener("click", () => { zoom = 1; applyZoom(); });
  new ResizeObserver(() => drawTicks(at("ticks").clientWidth)).observe(scroll);

  // --- the cursor --------------------------------------------------------------------------------------------------------------------
  const place = (follow) => {
    const ticks = at("ticks"), share = Math.min(Math.max((here - data.start) / length, 0), 1);
    const x = ticks.offsetLeft + share * ticks.clientWidth;
    cursor.style.left = `${x}px`;
    if (follow && (x < scroll.scrollLeft + ticks.offsetLeft || x > scroll.scrollLeft + scroll.clientWidth - 20)) {
      scroll.scrollLeft = x - scroll.clientWidth / 3;
    }
    const going = all.filter((event) => event.onset <= here && here < event.offset);
    at("clock").textContent = `${clock(here)} / ${clock(data.end)}`;
    const words = going.map((event) => `${event.name}, ${event.said}`).join("\n");
    if (at("now").dataset.words !== words) {
      at("now").dataset.words = words;
      at("now").replaceChildren();
      for (const event of going) {
        const item = make("li", at("now"));
        make("span", item, { class: `key ${event.modality}`, "aria-hidden": "true" });
        make("span", item, {}, `${event.name}, ${event.said}`);
      }
      for (const event of all) event.button.toggleAttribute("aria-current", going.includes(event));
    }
    timeline.setAttribute("aria-valuemin", data.start.toFixed(1));
    timeline.setAttribute("aria-valuemax", data.end.toFixed(1));
    timeline.setAttribute("aria-valuenow", here.toFixed(1));
    timeline.setAttribute("aria-valuetext", `${clock(here)}: ${words.replaceAll("\n", "; ") || "no event"}`);
  };
  const go = (seconds) => {
    here = Math.min(Math.max(seconds, data.start), data.end);
    if (!video.error) video.currentTime = here;
    place(true);
  };
  timeline.addEventListener("click", (event) => {
    const box = at("ticks").getBoundingClientRect();
    if (event.clientX >= box.left - 4) go(data.start + (length * (event.clientX - box.left)) / box.width);
  });
  timeline.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
    if (event.key === " ") video.paused ? video.play() : video.pause();
    else if (event.key in steps) go(here + steps[event.key]);
    else return;
    event.preventDefault();
  });

  // --- the video ---------------------------------------------------------------------------------------------------------------------
  const follow = () => { here = video.currentTime; place(!video.paused); };
  const run = () => { follow(); if (!video.paused && !video.ended) requestAnimationFrame(run); };
  video.addEventListener("play", run);
  for (const name of ["seeked", "timeupdate", "pause"]) video.addEventListener(name, follow);
  video.addEventListener("error", () => { at("broken").hidden = false; });
  if (video.error) at("broken").hidden = false;
  const start = () => { if (data.start > 0) video.currentTime = data.start; };
  video.readyState ? start() : video.addEventListener("loadedmetadata", start, { once: true });
  const subtitles = video.addTextTrack("subtitles", "events", "en");
  for (const event of all) subtitles.addCue(new VTTCue(event.onset, event.offset, `${event.said}: ${event.name}`));

  zoom = firstZoom();
  applyZoom();
})();
