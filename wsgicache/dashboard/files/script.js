// Brings parts of the page up to date: what has data-refresh and an id. The page is whole without.
"use strict";
(() => {
  const body = document.body;
  if (!("refreshes" in body.dataset)) return;
  const seconds = Number(body.dataset.refreshes);
  const status = document.getElementById("refreshing");
  const button = document.createElement("button");
  let paused = false, asking = false, failures = 0;

  button.type = "button";
  button.id = "pause";
  status.before(button);

  // Only changes of state are announced: numbers every few seconds would drown out all else.
  const tell = (text) => { if (status.textContent !== text) status.textContent = text; };
  const draw = () => {
    button.textContent = paused ? "Resume" : "Pause";
    button.title = paused ? "Bring the page up to date again"
      : `The page is brought up to date every ${seconds > 1 ? `${seconds} seconds` : "second"}`;
  };

  // What a person has opened stays open, and nobody loses the place where the focus is.
  const replace = (old, fresh) => {
    const active = document.activeElement;
    // Who has opened a part by its summary goes on there.
    const opened = active.tagName === "SUMMARY" && old.contains(active) && active.parentElement.id;
    if (old.innerHTML === fresh.innerHTML || (old.contains(active) && !opened)) return;
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && old.contains(selection.anchorNode)) return;
    for (const details of fresh.querySelectorAll("details[id]")) {
      const before = document.getElementById(details.id);
      if (before && before.tagName === "DETAILS") details.open = before.open;
    }
    old.replaceChildren(...fresh.childNodes);
    if (opened) document.getElementById(opened)?.querySelector("summary").focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (paused || asking || document.hidden) return;
    asking = true;
    try {
      const response = await fetch(location.href, {
        credentials: "same-origin", cache: "no-store", redirect: "error",
      });
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (paused) return;
      let found = 0;
      for (const old of document.querySelectorAll("[data-refresh][id]")) {
        const fresh = page.getElementById(old.id);
        if (fresh) { replace(old, fresh); found += 1; }
      }
      if (!found) throw new Error("another page");
      failures = 0;
      tell("");
    } catch (error) {
      failures += 1;
      tell("Not up to date: the server does not answer.");
    } finally {
      asking = false;
    }
  };

  button.addEventListener("click", () => {
    paused = !paused;
    draw();
    tell(paused ? "Paused." : "");
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  // After failures it asks less often, once a minute at the least.
  const most = 60 / seconds - 1;
  let skipped = 0;
  setInterval(() => {
    if (skipped < Math.min(failures, most)) { skipped += 1; return; }
    skipped = 0;
    refresh();
  }, seconds * 1000);
  draw();
})();
