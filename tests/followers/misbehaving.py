"""Adapters that hang, fork, eat, break down and lie.

The parameter ``announce`` names a FIFO to which a follower writes its process id once it has begun, so that a test can
await that. ``mark`` is what its descendants carry in their command line, so that a test can find them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from instances.model import Model
from storage.records import Claim, Value
from tuner.ports import Answer, RealParameter, Step

NOTHING = Answer(Claim.NOTHING, "nothing to say")


class Follower:
    """What all have in common; each overrides `misbehave`."""

    def version(self) -> str:
        return "1.0"

    def parameters(self) -> Sequence[RealParameter]:
        return [RealParameter("announce", "text", ""), RealParameter("level", "integer", 3, low=0, high=9)]

    def refuses(self, model: Model) -> str:
        return "only models without rows" if model.rows else ""

    def solve(self, model: Model, parameters: Mapping[str, Value], seed: int, limit: float, gap: float) -> Answer:
        if "announce" in parameters:
            announce(str(parameters["announce"]))
        return self.misbehave(model, parameters) or NOTHING

    def misbehave(self, model: Model, parameters: Mapping[str, Value]) -> Answer | None:
        return None


def announce(fifo: str) -> None:
    descriptor = os.open(fifo, os.O_WRONLY)
    os.write(descriptor, b"%d\n" % os.getpid())
    os.close(descriptor)


def hang() -> None:
    while True:
        signal.pause()


def detach(work: object) -> None:
    """Fork twice with a session in between, as daemons do, and work in the grandchild."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            work()  # type: ignore[operator]
        os._exit(0)
    os.wait()


def burn(seconds: float) -> None:
    """Use this much CPU time."""
    while time.process_time() < seconds:
        pass


def fill(mib: int) -> bytearray:
    """Allocate and touch this many MiB."""
    return bytearray(os.urandom(1)) * (mib << 20)


class Hangs(Follower):
    def misbehave(self, model, parameters):
        hang()


class HangsOnce(Follower):
    def solve(self, model, parameters, seed, limit, gap):
        before = Path(str(parameters["once"]))
        first = not before.exists()
        before.touch()
        announce(str(parameters["announce"]))
        if first:
            hang()
        return NOTHING


class IgnoresTermination(Follower):
    def misbehave(self, model, parameters):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU):
            signal.signal(number, signal.SIG_IGN)
        while True:
            burn(1000.0)


class LeavesDaemon(Follower):
    def misbehave(self, model, parameters):
        detach(hang)


class LeavesProgram(Follower):
    """The daemon is another program, with an empty environment, in another session, and deaf."""

    def misbehave(self, model, parameters):
        script = "trap '' TERM HUP INT; while :; do sleep 1000; done"
        subprocess.Popen(["/bin/sh", "-c", script, str(parameters["mark"])], env={}, start_new_session=True)


class HangsWithDaemon(Follower):
    def solve(self, model, parameters, seed, limit, gap):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        detach(hang)
        announce(str(parameters["announce"]))
        hang()


class BurnsAsItsDaemonDoes(Follower):
    def misbehave(self, model, parameters):
        end, other = os.pipe()
        detach(lambda: burn(0.4))
        os.close(other)
        os.read(end, 1)  # returns when the daemon, which holds the other end, is gone
        burn(time.process_time() + 0.2)


class EatsMemory(Follower):
    def misbehave(self, model, parameters):
        eaten = []
        while True:
            eaten.append(fill(8))


class EatsMemoryInDescendants(Follower):
    def misbehave(self, model, parameters):
        for _ in range(3):
            if os.fork() == 0:
                held = fill(100)
                hang()
                del held
        hang()


class AllocatesAtOnce(Follower):
    def misbehave(self, model, parameters):
        np.ones(1 << 40)


class ThrowsBadAlloc(Follower):
    def misbehave(self, model, parameters):
        new = ctypes.CDLL("libstdc++.so.6")._Znwm  # operator new: what throws through C ends the process
        new.argtypes, new.restype = [ctypes.c_size_t], ctypes.c_void_p
        new(1 << 46)


class Segfaults(Follower):
    def misbehave(self, model, parameters):
        print("about to fall", flush=True)
        ctypes.string_at(0)


class ExitsWithOne(Follower):
    def misbehave(self, model, parameters):
        os.write(2, b"no licence found\n")
        os._exit(1)


class CallsSysExit(Follower):
    def misbehave(self, model, parameters):
        sys.exit("enough")


class PrintsMegabytes(Follower):
    def misbehave(self, model, parameters):
        for descriptor in (1, 2):
            for _ in range(64):
                os.write(descriptor, b"so many words " * 5000)
        os.write(2, b"\nthe last line\n")
        if parameters.get("then") == "exit":
            os._exit(3)


class WritesGarbage(Follower):
    def misbehave(self, model, parameters):
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if int(entry.name) > 2 and str(entry.readlink()).startswith("pipe:"):
                    os.write(int(entry.name), b'{"result": {"claim": "opt')
        os._exit(0)


class ExitsSilently(Follower):
    def misbehave(self, model, parameters):
        os._exit(0)


class ReturnsSomethingElse(Follower):
    def misbehave(self, model, parameters):
        return {"objective": 1.0}


class ReturnsWrongTypes(Follower):
    def misbehave(self, model, parameters):
        return Answer(Claim.OPTIMAL, "optimal", objective="three", point=np.zeros(model.columns))


class AnswersForEver(Follower):
    def misbehave(self, model, parameters):
        return Answer(Claim.NOTHING, "x" * (65 << 20))


class Lies(Follower):
    """Claims whatever it is told to, for the point it is told."""

    def misbehave(self, model, parameters):
        point = json.loads(str(parameters["point"])) if "point" in parameters else None
        objective = float(parameters["objective"]) if "objective" in parameters else None
        return Answer(
            Claim(str(parameters["claim"])),
            "trust me",
            objective=objective,
            bound=parameters.get("bound"),
            point=None if point is None else np.array(point, dtype=float),
            steps=(Step(0.0, 8.0, 4.0),),
        )


class KnowsNoParameter(Follower):
    def misbehave(self, model, parameters):
        raise ValueError("presolf: HiGHS has no such parameter; did you mean presolve?")


class TellsItsSurroundings(Follower):
    """Answers what a child finds around it, as its raw status."""

    def misbehave(self, model, parameters):
        facts = {
            "cores": sorted(os.sched_getaffinity(0)),
            "threads": os.environ["OMP_NUM_THREADS"],
            "leads its session": os.getsid(0) == os.getpid(),
            "core files": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "address space, MiB": resource.getrlimit(resource.RLIMIT_AS)[0] >> 20,
            "CPU seconds": resource.getrlimit(resource.RLIMIT_CPU)[0],
            "descriptors": _descriptors(),
            "zygote": os.getppid(),
        }
        return Answer(Claim.NOTHING, json.dumps(facts))


class TellsItsEnvironment(Follower):
    """Answers what it was started with, as its raw status: variables by name, and whether a word is in any of it."""

    def misbehave(self, model, parameters):
        environment, command = (Path(f"/proc/self/{each}").read_text() for each in ("environ", "cmdline"))
        names = sorted(entry.partition("=")[0] for entry in environment.split("\0") if entry)
        return Answer(Claim.NOTHING, json.dumps([names, str(parameters["sought"]) in environment + command]))


class OpensFiles(TellsItsSurroundings):
    """Its warm process has files open when it forks."""

    def parameters(self) -> Sequence[RealParameter]:
        for _ in range(10):
            os.dup(os.open(__file__, os.O_RDONLY))
        return super().parameters()


def _descriptors() -> dict[int, str]:
    """Return what this process has open, by number, but for the folder that tells it."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  has the folder open only while it lists it
        with suppress(FileNotFoundError):
            found[int(name)] = str(Path(f"/proc/self/fd/{name}").readlink())
    return found
