// The page of a bilevel problem: where it stands, as it goes on.
"use strict";
const page = document.getElementById("job");
const over = ["finished", "failed", "cancelled"];
let best = page.dataset.best;

function put(id, text) {
  document.getElementById(id).textContent = text;
}

function number(value, digits) {
  return value === null ? "-" : String(Number(value.toPrecision(digits)));
}

async function choose(answer) {
  best = answer;
  const choice = await fetch(`/jobs/${page.dataset.job}/choice`);
  if (choice.ok) document.getElementById("choice").innerHTML = await choice.text();
}

function show(standing) {
  put("state", standing.state);
  document.getElementById("state").className = `state ${standing.state}`;
  document.getElementById("spent").value = standing.spent_s;
  put("seconds", Math.round(standing.spent_s));
  put("answers", standing.answers.all);
  const bracket = standing.bracket;
  if (!bracket) return;
  put("value", number(bracket.objective, 7));
  put("bound", number(bracket.bound, 7));
  put("kind", bracket.bound_kind);
  put("gap", number(bracket.gap, 3));
  if (String(bracket.best ?? "") !== best) choose(String(bracket.best ?? ""));
}

if (!over.includes(page.dataset.state)) live.follow(page.dataset.job, show);
