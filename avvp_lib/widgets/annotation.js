// Draws what AnnotationSession.view says and sends clicks and keys back. No state of its own but the moment that is played.

const WORDS = { todo: "to do", done: "done", unlabelable: "cannot be labelled" };

function render({ model, el }) {
  const act = (action, values = {}) => model.send({ do: action, ...values });
  const view = () => model.get("view");
  const fps = model.get("fps");
  let pictures = []; // object URLs, fps of them a second
  let sound = "";
  let cursor = -1; // the segment that the arrow keys move from
  let video = null;
  let stopAt = Infinity;

  const root = node("div", el, "avvp-widget avvp-annotation");
  root.tabIndex = 0;
  root.dataset.lmSuppressShortcuts = "true"; // or JupyterLab would cut the cell on "x"
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Annotation of null labels");

  // which video, and how far the work has come
  const head = node("div", root, "avvp-head");
  const title = node("div", head, "avvp-title");
  const status = node("div", head, "avvp-status");
  const moves = node("div", head, "avvp-moves");
  button(moves, "avvp-move", "Previous", ",", () => act("go", { step: -1 })).dataset.act = "previous";
  button(moves, "avvp-move", "Next", ".", () => act("go", { step: 1 })).dataset.act = "next";
  button(moves, "avvp-move avvp-strong", "Next to do", "⏎", () => act("next_todo")).dataset.act = "next-todo";
  const bar = node("div", root, "avvp-bar");
  const parts = Object.fromEntries(["done", "unlabelable", "todo"].map((name) => [name, node("div", bar, `avvp-part avvp-${name}`)]));
  const counts = node("div", root, "avvp-counts");

  // what is to be seen and heard
  const strip = node("div", root, "avvp-strip");
  const line = node("div", null, "avvp-line");
  const body = node("div", root, "avvp-body");
  const left = node("div", body, "avvp-left");
  const large = node("img", left, "avvp-large");
  large.alt = "the picture at this moment";
  const audio = node("audio", left, "avvp-audio");
  audio.controls = true;
  const marked = node("div", left, "avvp-marked");
  const marks = node("div", left, "avvp-marks");
  const all = button(marks, "avvp-mark", "All seconds", "v", () => act("select_all"));
  const nothing = button(marks, "avvp-mark", "Nothing to see", "n", () => act("mark", { status: "done" }));
  const unlabelable = button(marks, "avvp-mark", "Unlabelable", "x", () => act("mark", { status: "unlabelable" }));
  const undo = button(marks, "avvp-mark", "Undo", "z", () => act("undo"));
  all.dataset.act = "all";
  nothing.dataset.act = "nothing";
  unlabelable.dataset.act = "unlabelable";
  undo.dataset.act = "undo";

  // what can be said about it
  const right = node("div", body, "avvp-right");
  const keys = [...model.get("keys_of_categories")];
  const toggles = model.get("categories").map((name, category) => {
    const made = button(right, "avvp-category", readable(name), keys[category] ?? "", () => act("toggle", { category }));
    made.dataset.category = name;
    node("span", made, "avvp-star", "★").title = "in the video label";
    node("span", made, "avvp-cells");
    return made;
  });
  const message = node("div", root, "avvp-message");
  const help = node("div", root, "avvp-help");
  help.innerHTML =
    "Mark seconds: click, <kbd>⇧</kbd> click, <kbd>←</kbd> <kbd>→</kbd>, <kbd>⇧</kbd><kbd>→</kbd> · play: <kbd>space</kbd> · " +
    "★ in the video label · every change is saved at once";

  // a click leaves the keyboard with the widget, not with the button
  root.addEventListener("mousedown", (event) => {
    if (event.target.closest("audio")) return;
    event.preventDefault();
    root.focus({ preventScroll: true });
  });

  const release = () => [...pictures, sound].filter(Boolean).forEach((made) => URL.revokeObjectURL(made));

  function drawClip() {
    release();
    pictures = model.get("frames").map((bytes) => url(bytes, "image/jpeg"));
    const bytes = model.get("sound");
    sound = bytes.byteLength ? url(bytes, "audio/wav") : "";
    audio.pause();
    if (sound) audio.src = sound;
    else audio.removeAttribute("src");
    audio.classList.toggle("avvp-none", !sound);
    large.classList.toggle("avvp-none", !pictures.length);
    strip.replaceChildren();
    view().asked.forEach((asked, segment) => {
      const frame = node("button", strip, "avvp-frame");
      frame.type = "button";
      frame.dataset.segment = segment;
      frame.disabled = !asked;
      frame.setAttribute("aria-label", `second ${segment}`);
      const picture = pictures[Math.min(segment * fps + Math.floor(fps / 2), pictures.length - 1)];
      if (picture) node("img", frame).src = picture;
      else node("div", frame, "avvp-blank");
      node("span", frame, "avvp-second", `${segment} s`);
      node("span", frame, "avvp-given");
      frame.addEventListener("click", (event) => mark(segment, event.shiftKey));
      frame.addEventListener("pointerenter", (event) => event.buttons === 1 && mark(segment, true));
    });
    strip.append(line);
    moment(0);
  }

  function mark(segment, extend) {
    cursor = segment;
    act("select", { segment, extend });
    if (audio.paused) moment(segment);
  }

  function moment(seconds) {
    const length = view().asked.length;
    line.style.left = `${(100 * Math.min(seconds, length)) / length}%`;
    const picture = pictures[Math.min(Math.floor(seconds * fps + (audio.paused ? fps / 2 : 0)), pictures.length - 1)];
    if (picture && large.src !== picture) large.src = picture;
  }

  function follow() {
    if (audio.currentTime >= stopAt) audio.pause();
    if (audio.paused) return;
    moment(audio.currentTime);
    requestAnimationFrame(follow);
  }

  function play() {
    if (!audio.paused) return audio.pause();
    const { selected, asked } = view();
    const some = selected.some((on, i) => on !== asked[i]);
    stopAt = some ? selected.lastIndexOf(true) + 1 : Infinity;
    if (some) audio.currentTime = selected.indexOf(true);
    if (sound) audio.play();
  }
  audio.addEventListener("play", () => requestAnimationFrame(follow));
  audio.addEventListener("pause", () => (stopAt = Infinity));
  audio.addEventListener("seeked", () => audio.paused && moment(audio.currentTime));

  function draw() {
    const now = view();
    if (now.video !== video) {
      video = now.video;
      cursor = -1;
      drawClip();
    }
    title.textContent = now.videos ? `${now.video}  ·  ${now.position + 1} of ${now.videos}` : model.get("file");
    status.textContent = WORDS[now.status];
    status.dataset.status = now.status;
    for (const [name, part] of Object.entries(parts)) part.style.flexGrow = now.progress[name];
    counts.textContent = Object.entries(parts).map(([name]) => `${now.progress[name]} ${WORDS[name]}`).join(" · ");
    strip.querySelectorAll(".avvp-frame").forEach((frame, segment) => {
      frame.classList.toggle("avvp-selected", now.selected[segment]);
      frame.setAttribute("aria-pressed", now.selected[segment]);
      frame.classList.toggle("avvp-labelled", now.labels[segment].length > 0);
      const names = now.labels[segment].map((c) => readable(model.get("categories")[c]));
      frame.title = names.join(", ");
      frame.querySelector(".avvp-given").textContent = names.length ? (names.length > 1 ? `${names[0]} +${names.length - 1}` : names[0]) : "";
    });
    toggles.forEach((toggle, category) => {
      const cells = now.labels.map((given) => given.includes(category));
      const chosen = cells.filter((_, segment) => now.selected[segment]);
      const state = chosen.length && chosen.every(Boolean) ? "true" : chosen.some(Boolean) ? "mixed" : "false";
      toggle.setAttribute("aria-pressed", state);
      toggle.classList.toggle("avvp-somewhere", cells.some(Boolean));
      toggle.classList.toggle("avvp-in-label", now.in_video_label[category]);
      toggle.disabled = !now.videos;
      toggle.querySelector(".avvp-cells").replaceChildren(...cells.map((on) => node("i", null, on ? "avvp-on" : "")));
    });
    const which = now.selected.flatMap((on, segment) => (on ? [segment] : []));
    const seconds = which.length === now.asked.filter(Boolean).length ? "all seconds" : `second${which.length > 1 ? "s" : ""} ${which.join(", ")}`;
    marked.textContent = which.length ? `A class goes to ${seconds}` : "";
    const empty = now.labels.every((given) => !given.length);
    nothing.setAttribute("aria-pressed", now.status === "done" && empty);
    unlabelable.setAttribute("aria-pressed", now.status === "unlabelable");
    for (const made of [all, nothing, unlabelable]) made.disabled = !now.videos;
    undo.disabled = !now.can_undo;
    message.textContent = [now.problem, now.note].filter(Boolean).join(" · ");
    message.classList.toggle("avvp-problem", Boolean(now.problem));
    root.dataset.video = now.video;
  }

  function step(by, extend) {
    const { asked, selected } = view();
    if (cursor < 0) cursor = by > 0 ? -1 : asked.length;
    let next = cursor + by;
    while (next >= 0 && next < asked.length && !asked[next]) next += by;
    if (asked[next]) mark(next, extend && selected.some(Boolean) && cursor >= 0);
  }

  const commands = {
    ArrowRight: (event) => step(1, event.shiftKey),
    ArrowLeft: (event) => step(-1, event.shiftKey),
    " ": play,
    Enter: () => act("next_todo"),
    ",": () => act("go", { step: -1 }),
    ".": () => act("go", { step: 1 }),
    v: () => act("select_all"),
    n: () => act("mark", { status: "done" }),
    x: () => act("mark", { status: "unlabelable" }),
    z: () => act("undo"),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("audio")) return;
    if (event.target.closest("button") && [" ", "Enter"].includes(event.key)) return; // presses the button, as everywhere
    const category = keys.indexOf(event.key.toLowerCase());
    const command = commands[event.key] ?? commands[event.key.toLowerCase()];
    if (command) command(event);
    else if (category >= 0 && category < toggles.length) act("toggle", { category });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  model.on("change:view", draw);
  draw();
  return () => {
    model.off("change:view", draw);
    audio.pause();
    release();
  };
}

export default { render };
