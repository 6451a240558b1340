// Live news of a job. All pages of a browser share one connection, which a shared worker holds: over HTTP/1.1 a browser
// opens six to a server at most, and if each page kept one, the seventh would wait for ever.
"use strict";
const live = (() => {
  const script = document.currentScript.dataset.worker;
  const CHECK_MS = 10_000, SILENCE_MS = 60_000, POLL_MS = 3_000;

  // Calls `show` with the job's state whenever it changes; loads the page again once there is nothing more to follow.
  function follow(job, show) {
    if (typeof SharedWorker === "undefined") { poll(job, show); return; }
    let port, heard;
    function connect() {
      if (port) leave();
      heard = Date.now();
      const worker = new SharedWorker(script, {name: "tuner"});
      worker.onerror = () => { clearInterval(check); poll(job, show); };
      port = worker.port;
      port.onmessage = ({data}) => {
        heard = Date.now();
        if (data.kind === "job") show(data.standing);
        else if (data.kind === "ping") port.postMessage({kind: "pong"});
        else if (data.kind === "reload") location.reload();
      };
      port.postMessage({kind: "follow", job});
    }
    function leave() {
      port.postMessage({kind: "leave"});
      port.onmessage = null;
      port.close();
      port = null;
    }
    // The worker pings every 15 s. If it is silent, it has died, or has given this page up while the browser had it frozen.
    const check = setInterval(() => { if (port && Date.now() - heard > SILENCE_MS) connect(); }, CHECK_MS);
    addEventListener("pagehide", () => { if (port) leave(); });
    addEventListener("pageshow", event => { if (event.persisted && !port) connect(); });
    connect();
  }

  // Where there are no shared workers: short requests, since they leave the connections to others in between.
  function poll(job, show) {
    let text = "";
    const timer = setInterval(async () => {
      try {
        const answer = await fetch(`/v1/jobs/${job}`);
        if (answer.status === 401 || answer.status === 404) { clearInterval(timer); location.reload(); }
        if (!answer.ok) return;
        const now = await answer.text(), standing = JSON.parse(now);
        if (now !== text) show(standing);
        text = now;
        if (["finished", "failed", "cancelled"].includes(standing.state)) { clearInterval(timer); location.reload(); }
      } catch { /* the server is away: again in a moment */ }
    }, POLL_MS);
  }

  // Whoever was logged in no longer is: ends the connection, which was made with the old token, and loads the pages again.
  function forget() {
    if (typeof SharedWorker === "undefined") return;  // the next poll finds out
    new SharedWorker(script, {name: "tuner"}).port.postMessage({kind: "forget"});
  }

  return {follow, forget};
})();
