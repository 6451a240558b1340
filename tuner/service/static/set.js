// The page of an instance set: advice, on request.
"use strict";
const button = document.getElementById("ask");
button.addEventListener("click", async () => {
  const said = document.getElementById("said"), number = document.getElementById("set").dataset.set;
  button.disabled = true;
  said.textContent = "The models are being read.";
  try {
    const answer = await fetch(`/sets/${number}/advice`);
    if (answer.ok) document.getElementById("advice").innerHTML = await answer.text();
    said.textContent = answer.ok ? "" : (await answer.json()).detail;
  } catch {
    said.textContent = "The server did not answer; ask again.";
  } finally {
    button.disabled = false;
  }
});
