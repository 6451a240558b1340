// The buttons on the page of a job, of whatever kind: pause, resume, cancel.
"use strict";
for (const button of document.querySelectorAll("button[data-verb]")) {
  button.addEventListener("click", async () => {
    const answer = await fetch(`/v1/jobs/${document.getElementById("job").dataset.job}/${button.dataset.verb}`, {method: "POST"});
    if (answer.ok) location.reload();
    else document.getElementById("said").textContent = (await answer.json()).detail;
  });
}
