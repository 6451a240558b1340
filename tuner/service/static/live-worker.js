// Shared by all pages of a browser: holds the one connection over which the server tells how their jobs are doing, and
// passes the news on.
"use strict";
const MOST = 100;  // jobs of one connection, as the server has it
const PING_MS = 15_000, GIVEN_UP_MS = 180_000, SETTLE_MS = 50, FIRST_WAIT_MS = 1_000, LONGEST_WAIT_MS = 30_000;
const pages = new Map();  // port -> {job, heard}
const latest = new Map();  // job -> its last standing, as text
let source = null, asked = "", timer, wait = FIRST_WAIT_MS;

onconnect = ({ports: [port]}) => {
  port.onmessage = ({data}) => {
    if (data.kind === "pong" && pages.has(port)) pages.get(port).heard = Date.now();
    if (data.kind === "follow") {
      pages.set(port, {job: String(data.job), heard: Date.now()});
      const text = latest.get(String(data.job));
      if (text) port.postMessage({kind: "job", standing: JSON.parse(text)});
      soon(SETTLE_MS);
    }
    if (data.kind === "leave" && pages.delete(port)) soon(SETTLE_MS);
    if (data.kind === "forget") reload(() => true);
  };
};

// A page that crashed has not said that it leaves; one that the browser has frozen comes back by itself.
setInterval(() => {
  for (const [port, page] of pages) {
    if (Date.now() - page.heard > GIVEN_UP_MS) { pages.delete(port); soon(SETTLE_MS); }
    else port.postMessage({kind: "ping"});
  }
}, PING_MS);

function send(job, message) {
  for (const [port, page] of pages) if (page.job === job) port.postMessage(message);
}

function reload(isMeant) {
  for (const [port, page] of pages) {
    if (!isMeant(page.job)) continue;
    pages.delete(port);  // it comes back, if there still is something to follow
    latest.delete(page.job);
    port.postMessage({kind: "reload"});
  }
  soon(0);
}

function soon(ms) {
  clearTimeout(timer);
  timer = setTimeout(connect, ms);
}

function stop() {
  if (source) source.close();
  source = null;
  asked = "";
}

// Connects for the jobs that are followed now, if that is not what the connection is for already.
function connect() {
  const jobs = [...new Set([...pages.values()].map(page => page.job))].slice(-MOST);
  for (const job of latest.keys()) if (!jobs.includes(job)) latest.delete(job);
  const query = jobs.map(job => `job=${encodeURIComponent(job)}`).sort().join("&");
  if (query === asked) return;
  stop();
  if (!query) return;
  asked = query;
  const mine = source = new EventSource(`/v1/events?${query}`);
  mine.onopen = () => { wait = FIRST_WAIT_MS; };
  mine.onerror = () => { if (mine === source) failed(); };
  mine.addEventListener("job", ({data}) => {
    const standing = JSON.parse(data), job = String(standing.id);
    if (latest.get(job) === data) return;
    latest.set(job, data);
    send(job, {kind: "job", standing});
  });
  for (const kind of ["over", "gone"]) {
    mine.addEventListener(kind, ({data}) => { const over = String(JSON.parse(data).id); reload(job => job === over); });
  }
}

// The connection has ended: the server restarts, say, or the token was revoked. EventSource does not tell which.
async function failed() {
  stop();
  try {
    const answer = await fetch("/v1/jobs?limit=1");
    if (answer.status === 401) { reload(() => true); return; }
  } catch { /* the server is away */ }
  soon(wait);
  wait = Math.min(2 * wait, LONGEST_WAIT_MS);
}
