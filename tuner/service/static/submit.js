// Submits a folder, files or an archive dropped on the page: sends what the server does not have yet, then makes the job.
"use strict";
const drop = document.getElementById("drop"), said = document.getElementById("said"), form = document.getElementById("scenario");
const model = /\.(mps|lp)(\.(gz|bz2|xz|zst))?$/i;
const packed = /\.(zip|tar|tar\.gz|tgz)$/i;
let files = [], archive = null, key = null;  // the key goes with what is filled in: pressed again, it makes no other job
const isHidden = path => path.split("/").some(part => part.startsWith(".") || part === "__MACOSX");

async function walk(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    if (model.test(file.name) || packed.test(file.name)) found.push({path: path + file.name, file});
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
  const archives = found.filter(({file}) => packed.test(file.name));
  files = found.filter(({file, path}) => model.test(file.name) && !isHidden(path));
  key = null;
  archive = archives.length === 1 && !files.length ? archives[0].file : null;
  if (archive) name = archive.name.replace(packed, "");
  if (archives.length && !archive) said.textContent = "an archive comes alone: drop one, or models";
  else if (archive) said.textContent = `the models in ${archive.name}`;
  else said.textContent = files.length ? `${files.length} models in ${name}` : "no .mps or .lp models in it";
  if (archives.length && !archive) files = [];
  form.elements.set.value = name;
  form.querySelector("button").disabled = !files.length && !archive;
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
for (const name of ["folder", "files"]) {
  document.getElementById(name).addEventListener("change", event => {
    const first = event.target.files[0];
    const found = [...event.target.files].filter(file => model.test(file.name) || packed.test(file.name)).map(file => {
      const path = file.webkitRelativePath || file.name;
      return {path: path.includes("/") ? path.slice(path.indexOf("/") + 1) : path, file};
    });
    take(found, first && first.webkitRelativePath ? first.webkitRelativePath.split("/")[0] : "models");
  });
}

async function asked(path, init) {
  const answer = await fetch(path, Object.assign({method: "POST"}, init));
  const data = await answer.json().catch(() => null);
  if (!answer.ok || !data) throw new Error((data && data.detail) || `the answer was ${answer.status} ${answer.statusText}`);
  return data;
}
const json = data => ({body: JSON.stringify(data), headers: {"Content-Type": "application/json"}});

// The SHA-256 of a model's unpacked content; nothing where the browser cannot unpack it, or gives no hashes (without TLS).
async function digest(file) {
  const packing = file.name.match(model)[2];
  if (!crypto.subtle || (packing && packing.toLowerCase() !== ".gz")) return null;
  try {
    const stream = packing ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
    const hash = await crypto.subtle.digest("SHA-256", await new Response(stream).arrayBuffer());
    return [...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, "0")).join("");
  } catch { return null; }  // damaged: the server says how
}

// What the models are called in the set: without their suffix, unless that is what tells two of them apart.
function named(models) {
  const stem = path => path.replace(model, ""), count = {};
  for (const {path} of models) count[stem(path)] = (count[stem(path)] || 0) + 1;
  return models.map(({path}) => count[stem(path)] > 1 ? path : stem(path));
}

async function sent(models) {
  const members = {}, hashes = [], names = named(models);
  for (const [number, {path, file}] of models.entries()) {
    said.textContent = `reading ${number + 1} of ${models.length}: ${path}`;
    hashes.push(await digest(file));
  }
  const {missing} = await asked("/v1/models/missing", json({sha256: hashes.filter(Boolean)}));
  const lacking = new Set(missing);
  for (const [number, {path, file}] of models.entries()) {
    const suffix = file.name.match(model)[0].toLowerCase();
    let sha256 = hashes[number];
    if (!sha256 || lacking.has(sha256)) {
      said.textContent = `sending ${number + 1} of ${models.length}: ${path}`;
      sha256 = (await asked(`/v1/models?suffix=${encodeURIComponent(suffix)}`, {body: file})).sha256;
      lacking.delete(sha256);
    }
    members[names[number]] = sha256;
  }
  return members;
}

form.addEventListener("input", () => { key = null; });
form.addEventListener("submit", async event => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const fields = form.elements, name = fields.set.value || "models";
    if (archive) said.textContent = `sending ${archive.name}`;
    const set = archive
      ? await asked(`/v1/archives?name=${encodeURIComponent(name)}`, {body: archive})
      : await asked("/v1/instance-sets", json({name, members: await sent(files)}));
    key = key || [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
    const init = json({
      instance_set: set.id, name: fields.name.value, solvers: [fields.solver.value], cost: fields.cost.value,
      budget_s: 60 * Number(fields.budget.value), cutoff_s: Number(fields.cutoff.value),
      holdout: Number(fields.holdout.value), ties: fields.ties.value, memory_mib: Number(fields.memory.value),
      slots: fields.slots.value ? Number(fields.slots.value) : null, gap: Number(fields.gap.value),
      seed: Number(fields.seed.value), priority: Number(fields.priority.value), reuse: fields.reuse.checked,
      target: fields.target.value ? Number(fields.target.value) : null,
      stop_after_s: fields.patience.value ? 60 * Number(fields.patience.value) : null,
      base: fields.base.files.length ? (await fields.base.files[0].text()).replace(/^\s*#.*\n/gm, "") : "",
      fix: fields.fix.value.split("\n").map(line => line.trim()).filter(Boolean),
    });
    init.headers["Idempotency-Key"] = key;
    const job = await asked("/v1/jobs", init);
    location.href = `/jobs/${job.id}`;
  } catch (error) {
    said.textContent = error.message;
    button.disabled = false;
  }
});
