// The buttons on the page of instance sets.
"use strict";
for (const button of document.querySelectorAll("button[data-set]")) {
  button.addEventListener("click", async () => {
    if (!confirm(`Delete the instance set ${button.dataset.name} and its models? This cannot be undone.`)) return;
    const answer = await fetch(`/v1/instance-sets/${button.dataset.set}`, {method: "DELETE"});
    if (answer.ok) location.reload();
    else document.getElementById("said").textContent = (await answer.json()).detail;
  });
}
