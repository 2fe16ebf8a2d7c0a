"use strict";
// The parts of the page come as HTML that the server has escaped; the page's policy lets no script in them run.
const link = document.querySelector("#link");

function say(words) {
  link.textContent = words;
  link.hidden = words === "";
}

function replace(name, html) {
  const place = document.getElementById(name);
  if (!place) return;
  const made = document.createElement("template");
  made.innerHTML = html;
  // A picture stays until the next one is there to be shown.
  for (const next of made.content.querySelectorAll("img[data-keep]")) {
    const key = CSS.escape(next.dataset.keep);
    const shown = place.querySelector(`img[data-keep="${key}"]`);
    if (!shown) continue;
    const url = next.getAttribute("src");
    next.replaceWith(shown);
    shown.alt = next.alt;
    if (shown.dataset.wanted === url || shown.getAttribute("src") === url) continue;
    shown.dataset.wanted = url;
    const loaded = new Image();
    loaded.src = url;
    const show = () => { if (shown.dataset.wanted === url) shown.src = url; };
    loaded.decode().then(show, show);
  }
  // The link that has the focus keeps it.
  const held = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  place.replaceChildren(made.content);
  if (held) place.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

let source = null;

function open() {
  if (source || document.hidden) return;
  source = new EventSource("./events");
  source.addEventListener("open", () => say(""));
  source.addEventListener("parts", (event) => {
    for (const [name, html] of Object.entries(JSON.parse(event.data))) replace(name, html);
    document.body.dataset.version = event.lastEventId;
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return say("styled web does not answer; it is tried again");
    close();
    say("styled web has ended, or too many pages are open: start it again and open the address that it prints, or close some");
  });
}

function close() {
  source?.close();
  source = null;
}

// A page that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
open();
