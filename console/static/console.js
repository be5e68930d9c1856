// Keeps a page of the console current. Without this script, the page is complete, and a reload
// shows the newest state.
"use strict";
(() => {
  const live = () => document.getElementById("live");
  if (!live() || !live().dataset.events) return;
  const eventsURL = live().dataset.events;
  const quiet = 20_000; // the console sends a beat every 15 s
  const firstQuiet = 3_000; // and one at once
  const pollEvery = 2_000;

  let heard = 0; // when the last event arrived, 0 for never
  let lost = false; // the stream of events was interrupted
  let loading = false;
  let again = false;
  let polled = 0;
  const opened = Date.now();

  // The console itself may not answer.
  const offline = document.getElementById("offline");

  // refresh changes the live part of the page to that of the newest state. It keeps the elements
  // that are the same, and so the focus, the selection, and a click under way.
  async function refresh() {
    if (loading) {
      again = true;
      return;
    }
    loading = true;
    const url = location.href;
    try {
      const response = await fetch(url, { cache: "no-store" });
      if (response.status >= 400 && response.status < 500) {
        location.reload(); // to sign in, or because what the page shows has gone
        return;
      }
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const next = page.getElementById("live");
      if (!next) throw new Error("no page of the console");
      if (url !== location.href) {
        again = true; // the user has filtered the list
      } else {
        keepChoices(next);
        Idiomorph.morph(live(), next, { morphStyle: "outerHTML" });
        changed();
      }
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    } finally {
      loading = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  // keepChoices chooses in a newer page what the user has chosen, also if that was the default.
  const chosenNames = new Set();
  document.addEventListener("click", ({ target }) => {
    if (target.type === "radio") chosenNames.add(target.name);
  });
  function keepChoices(next) {
    for (const chosen of live().querySelectorAll("input[type=radio]:checked")) {
      if (!chosen.defaultChecked) chosenNames.add(chosen.name);
      if (!chosenNames.has(chosen.name)) continue;
      const others = [...next.querySelectorAll("input[type=radio]")].filter((input) => input.name === chosen.name);
      if (!others.some((input) => input.value === chosen.value)) continue;
      for (const input of others) input.toggleAttribute("checked", input.value === chosen.value);
    }
  }

  function received(message) {
    lost = Boolean(message.lost);
    if (!lost) heard = Date.now();
    if (message.change && message.change !== live().dataset.state) refresh();
  }

  // One page of a browser listens for all, because a browser opens few connections to one
  // server. When that page is closed, another one takes its place.
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(eventsURL) : null;
  function tell(message) {
    received(message);
    if (channel) channel.postMessage(message);
  }
  function listen() {
    const source = new EventSource(eventsURL + "?after=" + encodeURIComponent(live().dataset.state));
    source.addEventListener("change", (event) => tell({ change: event.lastEventId }));
    source.addEventListener("beat", () => tell({}));
    source.addEventListener("error", () => {
      tell({ lost: true });
      // The browser connects again by itself, except after an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, pollEvery);
    });
    return new Promise(() => {}); // until the page is closed
  }
  if (channel && navigator.locks) {
    channel.onmessage = (event) => received(event.data);
    navigator.locks.request(eventsURL, listen).catch(listen);
  } else {
    listen();
  }

  // Where no event arrives, as behind a proxy that buffers, the page asks by itself.
  function isQuiet(now) {
    return lost || (heard ? now - heard > quiet : now - opened > firstQuiet);
  }

  // duration formats milliseconds as the console formats times without this script.
  function duration(ms) {
    let s = Math.max(0, Math.round(ms / 1000));
    const parts = [];
    for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]]) {
      const n = Math.floor(s / length);
      if (n || parts.length) parts.push(n + unit);
      s %= length;
    }
    parts.push(s + "s");
    return parts.slice(0, 2).join("");
  }

  // The clock of Redis is that of the page's state, and the time that has passed since.
  let base = { redis: Number(live().dataset.now), local: Date.now() };
  function changed() {
    base = { redis: Number(live().dataset.now), local: Date.now() };
    tick();
  }
  document.addEventListener("htmx:afterSwap", changed);
  function tick() {
    const now = base.redis + Date.now() - base.local;
    for (const element of document.querySelectorAll("[data-ends]")) {
      const left = Number(element.dataset.ends) - now;
      element.textContent = left > 0 ? duration(left) : "ended";
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      element.textContent = duration(now - Number(element.dataset.since));
    }
  }
  setInterval(() => {
    const now = Date.now();
    tick();
    if (isQuiet(now) && now - polled >= pollEvery) {
      polled = now;
      refresh();
    }
  }, 1000);
})();
