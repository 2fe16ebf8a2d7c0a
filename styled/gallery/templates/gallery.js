// The gallery: search, order, and a dialog for one job. The address's part after # names the job that is open,
// so that the back button closes it and a link leads to it. Nothing here makes HTML out of text.
"use strict";

const cards = document.getElementById("cards");
const dialog = document.getElementById("detail");
const search = document.getElementById("search");
const order = document.getElementById("order");
const count = document.getElementById("count");
const templates = new Map([...document.querySelectorAll("template")].map((each) => [each.dataset.job, each]));
const NOTHING = "#/"; // no folder has a slash in its name
const FRAME_MS = 100;

let shown = null; // id of the job in the dialog
let stopPlayer = () => {};

// --- the grid -------------------------------------------------------------------------------------

const items = cards ? [...cards.children] : [];

function sift() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const item of items) {
    item.hidden = !words.every((word) => item.dataset.search.includes(word));
    found += item.hidden ? 0 : 1;
  }
  const all = `${items.length} result${items.length === 1 ? "" : "s"}`;
  count.textContent = found === items.length ? all : `${found} of ${all}`;
}

function sort() {
  const byTime = (a, b) => b.dataset.at - a.dataset.at;
  const compare = {
    newest: byTime,
    oldest: (a, b) => -byTime(a, b),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name) || byTime(a, b),
  }[order.value];
  items.sort(compare);
  cards.append(...items);
}

// --- one job --------------------------------------------------------------------------------------

function jobInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // a damaged link opens the grid
  }
}

function go(job) {
  location.hash = job === null ? NOTHING : encodeURIComponent(job);
  follow(); // now: the browser's own event comes later, and keys pressed in between would be lost
}

function neighbour(step) {
  const visible = items.filter((item) => !item.hidden).map((item) => item.querySelector("a").dataset.job);
  const at = visible.indexOf(shown) + step;
  if (at >= 0 && at < visible.length) go(visible[at]);
}

function follow() {
  const job = jobInAddress();
  if (job === shown && dialog.open) return;
  const template = templates.get(job);
  stopPlayer();
  if (!template) {
    shown = null;
    if (dialog.open) dialog.close();
    return;
  }
  const held = dialog.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
  dialog.replaceChildren(template.content.cloneNode(true));
  shown = job;
  const stage = dialog.querySelector(".stage");
  stage.style.setProperty("--ratio", stage.dataset.width / stage.dataset.height);
  stage.style.setProperty("--width", `${stage.dataset.width}px`);
  wireCompare(dialog.querySelector("[data-part=compare]"));
  wirePlayer(stage);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  // Not on a button: Space plays, and must not press what happens to be first.
  (dialog.querySelector(`[data-act="${held}"]`) ?? dialog).focus({ preventScroll: true });
}

function wireCompare(figure) {
  const range = figure.querySelector("input");
  if (!range) return;
  const move = () => figure.style.setProperty("--share", `${range.value}%`);
  range.addEventListener("input", move);
  move();
}

function wirePlayer(stage) {
  const figure = stage.querySelector("[data-part=player]");
  if (!figure) return;
  const frames = JSON.parse(figure.dataset.frames);
  const picture = figure.querySelector("img");
  const range = figure.querySelector("input");
  const output = figure.querySelector("output");
  const button = figure.querySelector("[data-act=play]");
  const loaded = new Map();
  let timer = 0;

  const load = (index) => {
    if (!loaded.has(index) && index < frames.length) {
      const image = new Image();
      image.src = frames[index][1];
      loaded.set(index, image);
    }
    return loaded.get(index);
  };
  const show = () => {
    const index = Number(range.value);
    const step = frames[index][0];
    picture.src = load(index).src;
    picture.alt = output.textContent = `step ${step}`;
    range.setAttribute("aria-valuetext", `step ${step}`);
    for (let ahead = 1; ahead <= 8; ahead++) load(index + ahead);
    point(step);
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = "Play";
  };
  const next = () => {
    timer = setTimeout(async () => {
      const index = Number(range.value) + 1;
      if (index >= frames.length) return stop();
      // A slow disk slows the film down; it does not make it jump. A frame that is gone is passed over.
      await load(index).decode().catch(() => {});
      if (!timer) return;
      range.value = index;
      show();
      next();
    }, FRAME_MS);
  };
  const play = () => {
    if (timer) return stop();
    if (Number(range.value) === frames.length - 1) range.value = 0;
    button.textContent = "Pause";
    show();
    next();
  };
  const scrub = (by) => {
    stop();
    range.value = Number(range.value) + by;
    show();
  };
  const open = (part) => {
    stop();
    for (const each of stage.querySelectorAll("[data-part]")) each.hidden = each.dataset.part !== part;
    for (const each of stage.querySelectorAll("[data-show]")) {
      each.setAttribute("aria-pressed", String(each.dataset.show === part));
    }
    if (part === "player") show();
    else point(null);
  };
  button.addEventListener("click", play);
  range.addEventListener("input", () => scrub(0));
  for (const each of stage.querySelectorAll("[data-show]")) {
    each.addEventListener("click", () => open(each.dataset.show));
  }
  stage.player = { open, play, scrub };
  stopPlayer = stop;
}

// Mark a step in the plot of the losses.
function point(step) {
  const plot = dialog.querySelector("svg[data-steps]");
  if (!plot) return;
  const cursor = plot.querySelector(".cursor");
  const { left, right, steps } = plot.dataset;
  cursor.classList.toggle("on", step !== null);
  if (step === null) return;
  const x = Number(left) + (Math.min(step, steps) - 1) / (steps - 1) * (right - left);
  cursor.setAttribute("x1", x);
  cursor.setAttribute("x2", x);
}

// --- keys and clicks ------------------------------------------------------------------------------

function keyInDialog(event) {
  const target = event.target;
  const slides = target.matches("input[type=range]");
  const player = dialog.querySelector(".stage")?.player;
  const acts = {
    ArrowLeft: () => !slides && neighbour(-1),
    ArrowRight: () => !slides && neighbour(1),
    "[": () => player && (player.open("player"), player.scrub(-1)),
    "]": () => player && (player.open("player"), player.scrub(1)),
    " ": () => player && !target.matches("button, summary, a") && (playFromKey(player), true),
  };
  const act = acts[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  if (act() !== false && !slides) event.preventDefault();
}

function playFromKey(player) {
  if (dialog.querySelector("[data-part=player]").hidden) player.open("player");
  player.play();
}

document.addEventListener("keydown", (event) => {
  if (dialog.open) return keyInDialog(event);
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && document.activeElement === search) {
    search.value = "";
    sift();
  }
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) return go(null); // the backdrop
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act === "close") go(null);
  else if (act === "previous") neighbour(-1);
  else if (act === "next") neighbour(1);
});
// Escape closes the dialog by itself; the address follows.
dialog.addEventListener("close", () => shown !== null && go(null));

if (cards) {
  for (const item of items) {
    const picture = item.querySelector("img");
    item.style.setProperty("--ratio", picture.getAttribute("width") / picture.getAttribute("height"));
  }
  cards.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(link.dataset.job);
  });
  document.querySelector(".tools").hidden = false;
  search.addEventListener("input", sift);
  order.addEventListener("change", sort);
  // A browser keeps what was typed when the page is loaded again.
  sift();
  sort();
}
addEventListener("hashchange", follow);
follow();
