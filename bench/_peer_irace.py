"""irace with capping, which is its setting for running times; the R package is Debian's r-cran-irace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench._peer import Parameter, done, spec_of_this_process

START = 0.04
"""Wall seconds in which R starts the target runner. The time that irace may spend is what its runs say they took."""

RUNNER = """\
#!{python} -IS
import json, socket, sys, time
began = time.monotonic()
_, _, seed, instance, bound, *words = sys.argv[1:]
kinds = {kinds}
parameters = {{}}
for word in words:
    name, _, value = word[2:].partition("=")
    kind, default, values = kinds[name]
    if value == "<NA>":
        continue
    if kind == "boolean":
        value = value == "true"
    elif kind == "choice":
        value = next(own for own in values if str(own) == value)
    else:
        value = (int if kind == "integer" else float)(float(value))
    if value != default:
        parameters[name] = value
asked = socket.socket(socket.AF_UNIX)
asked.connect({socket!r})
stream = asked.makefile("rw")
line = {{"parameters": parameters, "instance": int(instance), "seed": int(seed), "limit": float(bound)}}
stream.write(json.dumps(line) + "\\n")
stream.flush()
told = json.loads(stream.readline())
seconds = max(told["cpu"], 0.01) if told["solved"] else float(bound) + 0.01 * (float(bound) >= {cutoff})
print(seconds, {start} + time.monotonic() - began)
"""

SCRIPT = """\
suppressPackageStartupMessages(library(irace))
scenario <- readScenario("scenario.txt")
found <- irace(scenario)
best <- found[1, ]
best <- best[, !grepl("^[.]", names(best))]
cat(names(best), sep = "\\t", file = "best.txt"); cat("\\n", file = "best.txt", append = TRUE)
cat(sapply(best, function(v) format(v, digits = 15)), sep = "\\t", file = "best.txt", append = TRUE)
"""


def parameter_line(p: Parameter) -> str:
    """Return a parameter as irace writes it."""
    condition = " & ".join(
        f"{other} %in% c({', '.join(json.dumps(word(value)) for value in allowed)})" for other, allowed in p.when
    )
    tail = f" | {condition}" if condition else ""
    switch = json.dumps(f"--{p.name}=")
    if p.kind in ("integer", "float"):
        kind = ("i" if p.kind == "integer" else "r") + (",log" if p.log else "")
        return f"{p.name} {switch} {kind} ({p.low:.12g}, {p.high:.12g}){tail}"
    values = ["false", "true"] if p.kind == "boolean" else [word(value) for value in p.values]
    return f"{p.name} {switch} c ({', '.join(json.dumps(value) for value in values)}){tail}"


def word(value: Any) -> str:
    """Return a value as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    spec = spec_of_this_process()
    folder = Path(spec.folder)
    kinds = {p.name: (p.kind, p.default, list(p.values)) for p in spec.parameters}
    runner = folder / "target-runner"
    runner.write_text(
        RUNNER.format(python=sys.executable, kinds=kinds, socket=spec.socket, cutoff=spec.cutoff, start=START)
    )
    runner.chmod(0o755)
    (folder / "parameters.txt").write_text("".join(parameter_line(p) + "\n" for p in spec.parameters))
    (folder / "instances.txt").write_text("".join(f"{place}\n" for place in range(spec.instances)))
    names = [p.name for p in spec.parameters]
    own = {p.name: p.default for p in spec.parameters}
    active = [all(own[other] in allowed for other, allowed in p.when) for p in spec.parameters]
    defaults = [word(p.default) if on else "NA" for p, on in zip(spec.parameters, active, strict=True)]
    (folder / "default.txt").write_text(" ".join(names) + "\n" + " ".join(defaults) + "\n")
    settings = {
        "targetRunner": '"./target-runner"',
        "trainInstancesDir": '""',
        "trainInstancesFile": '"instances.txt"',
        "parameterFile": '"parameters.txt"',
        "configurationsFile": '"default.txt"',
        "maxTime": f"{spec.budget * spec.slots:.0f}",
        "capping": "1",
        "boundMax": f"{spec.cutoff:.12g}",
        "boundDigits": "2",
        "boundPar": "10",
        "parallel": str(spec.slots),
        "loadBalancing": "1",
        "digits": "4",
        "seed": str(spec.seed + 1),
        "quiet": "1",
    }
    (folder / "scenario.txt").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (folder / "script.R").write_text(SCRIPT)
    told = subprocess.run(["Rscript", "script.R"], cwd=folder, capture_output=True, text=True, check=False)
    if not (folder / "best.txt").exists():
        raise SystemExit(told.stdout[-2000:] + told.stderr[-2000:])
    header, row = ((folder / "best.txt").read_text() + "\n").splitlines()[:2]
    pairs = zip(header.split("\t"), row.split("\t"), strict=True)
    done(spec, {name: value.strip() for name, value in pairs if value.strip() not in ("NA", "<NA>")})


if __name__ == "__main__":
    main()
