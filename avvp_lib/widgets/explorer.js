// Draws what ExplorerSession.view says and sends choices back. No state of its own but the moment that is played.

const SIGNS = { "false alarm": "×", missed: "○", right: "", "": "" };

function render({ model, el }) {
  const act = (action, values = {}) => model.send({ do: action, ...values });
  const view = () => model.get("view");
  const fps = model.get("fps");
  const models = model.get("models");
  const colours = model.get("colours");
  let images = []; // object URLs, fps of them a second
  let made = []; // all object URLs
  let row = null;
  let seconds = 1;

  const root = node("div", el, "avvp-widget avvp-explorer");
  root.tabIndex = 0;
  root.dataset.lmSuppressShortcuts = "true"; // or JupyterLab would take the letters
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Explorer of predictions");

  // which video
  const head = node("div", root, "avvp-choice");
  const video = labelled("Video", node("select", null, "avvp-select avvp-video"), head);
  const order = labelled("Order", node("select", null, "avvp-select avvp-order"), head);
  const moves = node("div", head, "avvp-moves");
  button(moves, "avvp-move", "Previous", ",", () => act("go", { step: -1 })).dataset.act = "previous";
  button(moves, "avvp-move", "Next", ".", () => act("go", { step: 1 })).dataset.act = "next";
  order.replaceChildren(...model.get("orders").map((name) => new Option(name, name)));
  order.addEventListener("change", () => act("sort", { ranking: order.value }));
  video.addEventListener("change", () => act("choose", { row: Number(video.value) }));

  // what is said about it
  const settings = node("div", root, "avvp-choice avvp-settings");
  const toggles = models.map((name, i) => {
    const toggle = button(settings, "avvp-model", name, `${i + 1}`, () => act("show", { model: name, on: !view().shown.includes(name) }));
    toggle.dataset.model = name;
    return toggle;
  });
  const heat = button(settings, "avvp-model", "Probabilities", "h", () => act("colour", { heat: !view().heat }));
  heat.dataset.act = "heat";
  const slider = labelled("Threshold", node("input", null, "avvp-slider"), settings);
  Object.assign(slider, { type: "range", min: 0.05, max: 0.95, step: 0.05 });
  const reading = node("output", slider.parentElement, "avvp-reading");

  // the clip, the lanes, the scores
  const body = node("div", root, "avvp-show");
  const left = node("div", body, "avvp-player");
  const large = node("img", left, "avvp-large");
  large.alt = "the picture at this moment";
  const audio = node("audio", left, "avvp-audio");
  audio.controls = true;
  const scores = node("div", left, "avvp-scores");
  const right = node("div", body, "avvp-tracks");
  const timeline = node("div", right, "avvp-timeline");
  const legend = node("div", right, "avvp-legend");
  const cursor = node("div", null, "avvp-cursor");
  const message = node("div", root, "avvp-message");
  const help = node("div", root, "avvp-help");
  help.innerHTML =
    "Play: <kbd>space</kbd> · a second back or on: <kbd>←</kbd> <kbd>→</kbd>, or click into the lanes · threshold: <kbd>-</kbd> <kbd>+</kbd> · " +
    "previous and next video: <kbd>,</kbd> <kbd>.</kbd>";

  function labelled(text, control, parent) {
    const label = node("label", parent, "avvp-label");
    node("span", label, "", text);
    label.append(control);
    return control;
  }

  // a click leaves the keyboard with the widget, not with the button
  root.addEventListener("mousedown", (event) => {
    if (event.target.closest("audio, select, input")) return;
    event.preventDefault();
    root.focus({ preventScroll: true });
  });

  // one threshold is asked for at a time, or a dragged slider would queue dozens in the kernel
  let asked = null;
  function threshold(value) {
    const wanted = Math.min(Math.max(Math.round(value * 20) / 20, 0.05), 0.95);
    slider.value = wanted;
    reading.textContent = wanted.toFixed(2);
    if (asked === null && wanted !== view().threshold) act("decide", { threshold: (asked = wanted) });
  }
  slider.addEventListener("input", () => threshold(slider.valueAsNumber));
  const steps = { ArrowLeft: -0.05, ArrowDown: -0.05, ArrowRight: 0.05, ArrowUp: 0.05 };
  slider.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return; // JupyterLab would keep the arrows from the slider
    threshold(slider.valueAsNumber + steps[event.key]);
    event.preventDefault();
    event.stopPropagation();
  });

  function release() {
    made.forEach((address) => URL.revokeObjectURL(address));
    made = [];
  }

  function keep(bytes, type) {
    made.push(url(bytes, type));
    return made.at(-1);
  }

  function loadClip() {
    release();
    images = model.get("frames").map((bytes) => keep(bytes, "image/jpeg"));
    const bytes = model.get("sound");
    audio.pause();
    if (bytes.byteLength) audio.src = keep(bytes, "audio/wav");
    else audio.removeAttribute("src");
    audio.classList.toggle("avvp-none", !bytes.byteLength);
    large.classList.toggle("avvp-none", !images.length);
    const spectrogram = model.get("spectrogram");
    clip.spectrogram = spectrogram.byteLength ? keep(spectrogram, "image/png") : "";
  }
  const clip = { spectrogram: "" };

  function track(name, className) {
    const label = node("div", timeline, "avvp-lane-label", name);
    const made = node("div", timeline, `avvp-lane ${className}`);
    return [label, made];
  }

  function drawTimeline(now) {
    timeline.replaceChildren();
    if (images.length) {
      const [, frames] = track("", "avvp-frames");
      for (let second = 0; second < seconds; second++) {
        const picture = node("img", frames);
        picture.alt = "";
        picture.src = images[Math.min(second * fps + Math.floor(fps / 2), images.length - 1)];
      }
    }
    if (clip.spectrogram) node("img", track("log-mel", "avvp-sound")[1]).src = clip.spectrogram;
    let category = "";
    now.lanes.forEach((lane) => {
      if (lane.category !== category) {
        category = lane.category;
        node("div", timeline, "avvp-lane-title", readable(category));
      }
      drawLane(lane, now);
    });
    if (!now.lanes.length) node("div", timeline, "avvp-lane-title", "no event");
    const [, axis] = track("seconds", "avvp-axis");
    for (let second = 0; second < seconds; second++) node("span", axis, "", `${second}`);
    timeline.append(cursor);
  }

  function drawLane(lane, now) {
    const [label, cells] = track("", `avvp-cells-${lane.modality}`);
    node("i", label, `avvp-dot avvp-dot-${lane.modality}`);
    node("span", label, "", `${lane.modality}, ${lane.source}`);
    label.title = label.textContent;
    cells.dataset.lane = `${lane.category}|${lane.modality}|${lane.source}`;
    const warm = now.heat && lane.probability !== null;
    lane.states.forEach((state, second) => {
      const cell = node("span", cells, "avvp-cell");
      cell.dataset.state = state;
      const probability = lane.probability?.[second];
      const words = [`second ${second}`, state || (lane.held[second] ? "held back by the gate" : ""), probability?.toFixed(2)];
      cell.title = words.filter(Boolean).join(", ");
      if (warm) {
        const step = Math.min(Math.floor(probability * colours.length), colours.length - 1);
        cell.style.background = colours[step];
        cell.style.color = step > colours.length / 2 ? "#fff" : "#1a1a1a";
        cell.classList.add("avvp-warm");
        node("b", cell, "", SIGNS[state]);
        node("small", cell, "", probability.toFixed(2).replace(/^0/, ""));
        frame(cell, "claimed", lane.claimed, second);
        frame(cell, "held", lane.held, second);
      } else node("b", cell, "", SIGNS[state]);
    });
    const claimed = lane.states.flatMap((state, second) => (state ? [`${second} ${state}`] : []));
    cells.setAttribute("role", "img");
    cells.setAttribute("aria-label", `${readable(lane.category)}, ${label.textContent}: ${claimed.join(", ") || "nothing"}`);
  }

  // a frame around each run: its ends are drawn where the neighbour does not belong to it
  function frame(cell, kind, segments, second) {
    if (!segments[second]) return;
    cell.classList.add(`avvp-${kind}`);
    if (!segments[second - 1]) cell.classList.add("avvp-first");
    if (!segments[second + 1]) cell.classList.add("avvp-last");
  }

  function drawLegend(now) {
    legend.replaceChildren();
    const truth = now.scores.length > 0;
    const entries = [["avvp-audio-key", "", "heard"], ["avvp-visual-key", "", "seen"]];
    if (now.heat) {
      entries.push(["avvp-warm avvp-claimed avvp-first avvp-last", "", "claimed"], ["avvp-warm avvp-held avvp-first avvp-last", "", "held back by the gate"]);
      if (truth) entries.push(["avvp-warm", "×", "false alarm"], ["avvp-warm", "○", "missed"]);
    } else if (truth) entries.push(["avvp-false-key", "×", "false alarm"], ["avvp-missed-key", "○", "missed"]);
    for (const [className, sign, text] of entries) {
      const entry = node("span", legend, "avvp-entry");
      const cell = node("span", entry, `avvp-cell ${className}`);
      node("b", cell, "", sign);
      node("span", entry, "", text);
    }
    if (!now.heat) return;
    const scale = node("span", legend, "avvp-scale");
    node("span", scale, "", "0");
    const bar = node("span", scale, "avvp-scale-bar");
    bar.style.background = `linear-gradient(90deg, ${colours.join(",")})`;
    node("i", bar).style.left = `${100 * now.threshold}%`;
    node("span", scale, "", `1   probability; the line is the threshold, ${now.threshold.toFixed(2)}`);
  }

  function drawScores(now) {
    scores.replaceChildren();
    if (!now.scores.length) return void node("div", scores, "avvp-caption", "The truth of this split is not known: no scores.");
    for (const level of ["segment", "event"]) {
      const table = node("table", scores);
      node("caption", table, "", `F-scores of this video, ${level} level`).title = "Type and Event: Type@AV and Event@AV";
      const top = node("tr", table);
      for (const name of ["", ...now.names]) node("th", top, "", name).scope = "col";
      for (const found of now.scores) {
        const line = node("tr", table);
        line.dataset.scores = `${level}|${found.model}`;
        Object.assign(node("th", line, "", found.model), { scope: "row", title: found.model });
        found.video[level].forEach((value) => node("td", line, "", value === 100 ? "100" : value.toFixed(1)));
      }
    }
    const all = now.scores.map((found) => `${found.model} ${found.all.toFixed(1)}`).join(" · ");
    node("div", scores, "avvp-caption avvp-all", `Type@AV (segments) over all ${model.get("choices").length} videos: ${all}`);
  }

  function listVideos() {
    video.replaceChildren(
      ...model.get("choices").map(({ row, video, number }, place) => {
        const rank = number === null ? "" : `  ${number > 0 ? "+" : ""}${number.toFixed(1)}`;
        return new Option(`${place + 1} · ${video}${rank}`, row);
      }),
    );
    video.value = view().row;
  }

  function draw() {
    const now = view();
    asked = null;
    const another = now.row !== row;
    seconds = now.lanes[0]?.states.length ?? Math.max(Math.round(model.get("frames").length / fps), 1);
    if (another) {
      row = now.row;
      loadClip();
    }
    video.value = now.row;
    order.value = now.order;
    toggles.forEach((toggle) => toggle.setAttribute("aria-pressed", now.shown.includes(toggle.dataset.model)));
    heat.setAttribute("aria-pressed", now.heat);
    drawTimeline(now);
    drawLegend(now);
    drawScores(now);
    message.textContent = now.note;
    root.dataset.video = now.video;
    root.dataset.threshold = now.threshold.toFixed(2);
    root.dataset.heat = now.heat;
    moment(another ? 0 : audio.currentTime);
    // the slider went on while this was asked for
    if (document.activeElement === slider && slider.valueAsNumber !== now.threshold) threshold(slider.valueAsNumber);
    else [slider.value, reading.textContent] = [now.threshold, now.threshold.toFixed(2)];
  }

  function moment(time) {
    const lane = timeline.querySelector(".avvp-lane");
    cursor.style.left = `${lane.offsetLeft + (lane.offsetWidth * Math.min(time, seconds)) / seconds}px`;
    const picture = images[Math.min(Math.floor(time * fps), images.length - 1)];
    if (picture && large.src !== picture) large.src = picture;
    root.dataset.time = time.toFixed(2);
  }

  function follow() {
    if (audio.paused) return;
    moment(audio.currentTime);
    requestAnimationFrame(follow);
  }
  audio.addEventListener("play", () => requestAnimationFrame(follow));
  audio.addEventListener("seeking", () => moment(audio.currentTime));
  const resized = new ResizeObserver(() => moment(audio.currentTime));
  resized.observe(timeline);

  function seek(time) {
    audio.currentTime = Math.min(Math.max(time, 0), seconds);
    moment(audio.currentTime);
  }
  timeline.addEventListener("click", (event) => {
    const lane = event.target.closest(".avvp-lane");
    if (!lane) return;
    const box = lane.getBoundingClientRect();
    seek((seconds * (event.clientX - box.left)) / box.width);
  });

  const commands = {
    " ": () => (audio.paused ? audio.src && audio.play() : audio.pause()),
    ArrowLeft: () => seek(Math.ceil(audio.currentTime) - 1),
    ArrowRight: () => seek(Math.floor(audio.currentTime) + 1),
    ",": () => act("go", { step: -1 }),
    ".": () => act("go", { step: 1 }),
    "-": () => threshold(view().threshold - 0.05),
    "+": () => threshold(view().threshold + 0.05),
    h: () => act("colour", { heat: !view().heat }),
    ...Object.fromEntries(toggles.map((toggle, i) => [`${i + 1}`, () => toggle.click()])),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("audio, select, input")) return;
    if (event.target.closest("button") && [" ", "Enter"].includes(event.key)) return; // presses the button, as everywhere
    const command = commands[event.key];
    if (!command) return;
    command();
    event.preventDefault();
    event.stopPropagation();
  });

  model.on("change:choices", listVideos);
  model.on("change:view", draw);
  listVideos();
  draw();
  return () => {
    model.off("change:choices", listVideos);
    model.off("change:view", draw);
    resized.disconnect();
    audio.pause();
    release();
  };
}

export default { render };
