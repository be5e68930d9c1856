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
  let loading = false;
  let again = false;
  let polled = 0;
  const opened = Date.now();

  // refresh replaces the live part of the page by that of the newest state.
  async function refresh() {
    if (loading) {
      again = true;
      return;
    }
    loading = true;
    try {
      await htmx.ajax("GET", location.pathname + location.search, {
        source: live(), target: "#live", select: "#live", swap: "outerHTML",
      });
    } finally {
      loading = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  function received(message) {
    heard = Date.now();
    if (message.change && message.change !== live().dataset.state) refresh();
  }

  // One page of a browser listens for all, because a browser opens few connections to one
  // server. When that page is closed, another one takes its place.
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(eventsURL) : null;
  function listen() {
    const source = new EventSource(eventsURL + "?after=" + encodeURIComponent(live().dataset.state));
    const tell = (message) => {
      received(message);
      if (channel) channel.postMessage(message);
    };
    source.addEventListener("change", (event) => tell({ change: event.lastEventId }));
    source.addEventListener("beat", () => tell({}));
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
    return heard ? now - heard > quiet : now - opened > firstQuiet;
  }

  // duration writes milliseconds as the console does.
  function duration(ms) {
    let s = Math.max(0, Math.round(ms / 1000));
    const parts = [];
    for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]]) {
      const n = Math.floor(s / length);
      if (n || parts.length) parts.push(n + unit);
      s %= length;
    }
    parts.push(s + "s");
    return parts.slice(0, 2).join(parts.length > 1 ? " " : "");
  }

  // The clock of Redis is that of the page's state, and the time that has passed since.
  let base = { redis: Number(live().dataset.now), local: Date.now() };
  document.addEventListener("htmx:afterSwap", () => {
    base = { redis: Number(live().dataset.now), local: Date.now() };
    tick();
  });
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

  // If the console itself does not answer, the page says so.
  const offline = document.getElementById("offline");
  const setOffline = (isOffline) => { offline.hidden = !isOffline; };
  document.addEventListener("htmx:sendError", () => setOffline(true));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401 || event.detail.xhr.status === 403) location.reload();
    setOffline(true);
  });
  document.addEventListener("htmx:afterOnLoad", () => setOffline(false));
})();
