// The buttons on the page of a job, of whatever kind: pause, resume, cancel, delete.
"use strict";
for (const button of document.querySelectorAll("button[data-verb]")) {
  button.addEventListener("click", async () => {
    const answer = await fetch(`/v1/jobs/${document.getElementById("job").dataset.job}/${button.dataset.verb}`, {method: "POST"});
    if (answer.ok) location.reload();
    else document.getElementById("said").textContent = (await answer.json()).detail;
  });
}
for (const button of document.querySelectorAll("button[data-delete]")) {
  button.addEventListener("click", async () => {
    const {job, state} = document.getElementById("job").dataset, runs = state === "running";
    const what = runs ? "It is running, and is cancelled first. " : "";
    if (!confirm(`Delete ${button.dataset.delete} with all of its responses? ${what}This cannot be undone.`)) return;
    const answer = await fetch(`/v1/jobs/${job}?cancel=${runs}`, {method: "DELETE"});
    if (answer.ok) location.href = "/";
    else document.getElementById("said").textContent = (await answer.json()).detail;
  });
}
