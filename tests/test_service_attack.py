"""A server beside clients that send or read nothing more: a short version of ``python -m bench attack``."""

from __future__ import annotations

from pathlib import Path

from bench.attack import ASKED, GROWTH, attacks, carry_out, livez, memory_of, serving
from storage.records import Scope
from storage.store import Store

PATIENCE = 10.0
"""Seconds in which /livez answers on any machine; the bench holds it to one."""


def test_those_who_send_or_read_nothing_cost_others_neither_answers_nor_memory(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url) as store:
        _, secret = store.create_token("t", "ann", Scope.SUBMIT)
    with serving(sqlite_url, str(tmp_path)) as (port, pid):
        for _ in range(ASKED):
            livez(port)
        before = memory_of(pid)
        for attack in attacks(secret, share=0.1):
            seen = carry_out(attack, port, pid)
            assert seen.slowest < PATIENCE, attack.name
            assert seen.memory < before + GROWTH, attack.name
