"""A server that executes runs for programs of any language: one JSON line in, one out, on a Unix socket.

The peers' processes ask it, so that every tool's runs are executed and measured by the same executor.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from instances.instance import Instance
from storage.records import Configuration, Response, Run
from tuner.follower.executor import LocalExecutor


class RunServer:
    """Executes what is asked for: {"parameters": {...}, "instance": place, "seed": n, "limit": seconds}.

    The answer is {"solved": bool, "cpu": seconds, "feasible": bool}. Counts what it did.
    """

    def __init__(self, instances: Sequence[Instance], solver: str, cutoff: float, slots: int, socket: Path) -> None:
        """Listen on ``socket``; every run is on one of ``instances``, by number."""
        self._instances, self._solver, self._cutoff = list(instances), solver, cutoff
        self._executor = LocalExecutor({i.sha256: i for i in instances}, slots, 2048.0, 1e-4)
        self._waiting: dict[Run, list[Future[Response]]] = {}
        self._lock = threading.Lock()
        self._over = False
        self.runs, self.inside = 0, 0.0
        """How many runs were executed, and the seconds they took inside the solver."""
        service = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    self.wfile.write(json.dumps(service.answer(json.loads(line))).encode() + b"\n")

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(str(socket), Handler)
        works = (self._server.serve_forever, self._work)
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]

    def __enter__(self) -> RunServer:
        self._executor.prepare([self._solver])
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._server.shutdown()
        self._server.server_close()
        self._threads[1].join()
        self._executor.close()

    def answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Execute one run and say what came of it."""
        run = Run(
            Configuration.of(self._solver, asked["parameters"]),
            self._instances[int(asked["instance"])].sha256,
            int(asked["seed"]) % 2**31,
            self._cutoff,
            min(self._cutoff, max(0.01, float(asked.get("limit", self._cutoff)))),
        )
        promise: Future[Response] = Future()
        with self._lock:
            others = self._waiting.setdefault(run, [])
            others.append(promise)
            if len(others) == 1:
                self._executor.submit(run)
        response = promise.result()
        solved = response.solved and response.cpu <= self._cutoff
        return {"solved": solved, "cpu": response.cpu, "feasible": response.feasible}

    def _work(self) -> None:
        while not self._over:
            finished = self._executor.wait(0.2)
            if not finished and not self._executor.outstanding:
                time.sleep(0.0005)
            for each in finished:
                self.runs += 1
                self.inside += each.response.solver_wall or each.response.wall
                with self._lock:
                    promises = self._waiting.pop(each.run)
                for promise in promises:
                    promise.set_result(each.response)
