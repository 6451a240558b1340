// Handing in a folder that is dropped on the page: its models are sent one by one, then the job is made.
"use strict";
const drop = document.getElementById("drop"), said = document.getElementById("said"), form = document.getElementById("scenario");
const model = /\.(mps|lp)(\.(gz|bz2|xz|zst))?$/i;
let files = [];

async function walk(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    if (model.test(file.name)) found.push({path: path + file.name, file});
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const batch = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!batch.length) return;
    for (const each of batch) if (!each.name.startsWith(".")) await walk(each, `${path}${each.name}/`, found);
  }
}

function take(found, name) {
  files = found;
  said.textContent = files.length ? `${files.length} models in ${name}` : "no .mps or .lp models in it";
  form.elements.set.value = name;
  form.querySelector("button").disabled = !files.length;
}

drop.addEventListener("dragover", event => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", async event => {
  event.preventDefault();
  drop.classList.remove("over");
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean), found = [];
  for (const entry of entries) await walk(entry, "", found);
  const only = entries.length === 1 && entries[0].isDirectory ? `${entries[0].name}/` : "";
  for (const each of found) if (only && each.path.startsWith(only)) each.path = each.path.slice(only.length);
  take(found, only ? only.slice(0, -1) : "models");
});
document.getElementById("folder").addEventListener("change", event => {
  const found = [...event.target.files].filter(file => model.test(file.name)).map(file => {
    const path = file.webkitRelativePath || file.name;
    return {path: path.includes("/") ? path.slice(path.indexOf("/") + 1) : path, file};
  });
  const first = event.target.files[0];
  take(found, first && first.webkitRelativePath ? first.webkitRelativePath.split("/")[0] : "models");
});

async function asked(path, init) {
  const answer = await fetch(path, Object.assign({method: "POST"}, init));
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail);
  return data;
}
const json = data => ({body: JSON.stringify(data), headers: {"Content-Type": "application/json"}});

form.addEventListener("submit", async event => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const members = {};
    for (const [number, {path, file}] of files.entries()) {
      said.textContent = `sending ${number + 1} of ${files.length}: ${path}`;
      const suffix = file.name.match(model)[0].toLowerCase();
      const sent = await asked(`/v1/models?suffix=${encodeURIComponent(suffix)}`, {body: file});
      members[path.slice(0, path.length - suffix.length)] = sent.sha256;
    }
    const fields = form.elements;
    const set = await asked("/v1/instance-sets", json({name: fields.set.value || "models", members}));
    const job = await asked("/v1/jobs", json({
      instance_set: set.id, name: fields.name.value, solvers: [fields.solver.value], cost: fields.cost.value,
      budget_s: 60 * Number(fields.budget.value), cutoff_s: Number(fields.cutoff.value),
      priority: Number(fields.priority.value),
    }));
    location.href = `/jobs/${job.id}`;
  } catch (error) {
    said.textContent = error.message;
    button.disabled = false;
  }
});
