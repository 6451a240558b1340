"""What a person reads while a job is under way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.records import Configuration
from tests.racing import ALPHA, tune
from tests.simulation import World
from tuner.app.progress import Progress
from tuner.cli.progress import watching
from tuner.cli.words import Terminal
from tuner.ports import Against, Standing

HIGHS, SCIP = Configuration("highs"), Configuration("scip")
OWN = Configuration.of("highs", {"presolve": "off"})
TUNED = Configuration.of("highs", {"presolve": "on"})
STANDING = Standing(HIGHS, 2.0, HIGHS, 2.0, 3, 2, 6, 6)


def lines(standing: Standing, capsys: pytest.CaptureFixture[str], **fields: Any) -> list[str]:
    """Return what is printed after a first line for a default that leads."""
    base = {"job": "j", "phase": "racing", "elapsed": 5.0, "budget": 60.0, "runs": 6, "slots": [], "names": {}}
    with watching(Terminal(stderr=True, force_terminal=False, width=500)) as watcher:
        watcher.show(Progress(**{**base, **fields, "standing": STANDING}))
        watcher.show(Progress(**{**base, **fields, "standing": standing}))
    return capsys.readouterr().err.splitlines()[1:]


def test_the_default_is_named_by_its_solver_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    standing = replace(STANDING, incumbent=TUNED, incumbent_cost=1.0, default=SCIP)
    told = lines(standing, capsys, solvers=("highs", "scip"))
    assert told[1].endswith("scip default 2 -> incumbent 1 (2.00x on 3 training pairs)")
    assert lines(standing, capsys, solvers=("scip",))[1].endswith(
        "   default 2 -> incumbent 1 (2.00x on 3 training pairs)"
    )
    unknown = replace(standing, default_cost=None)
    assert lines(unknown, capsys, solvers=("highs", "scip"))[1].endswith(
        "the incumbent and the scip default share no pair yet"
    )


def test_the_users_settings_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    leading = replace(STANDING, incumbent=OWN, incumbent_cost=1.0)
    told = lines(leading, capsys, base=OWN)
    assert told[0] == "  new incumbent: your settings, highs presolve=off"
    assert told[1].endswith("default 2 -> your settings 1 (2.00x on 3 training pairs)")
    behind = replace(STANDING, incumbent=TUNED, incumbent_cost=1.0, settings=Against(1.5, 0.5, 2))
    told = lines(behind, capsys, base=OWN)
    assert told[0] == "  new incumbent: highs presolve=on"
    assert told[1].endswith("-> incumbent 1 (2.00x on 3 training pairs); your settings 1.5 (3.00x on 2)")


def test_a_line_begins_with_the_phase(capsys: pytest.CaptureFixture[str]) -> None:
    for phase in ("exploring", "racing", "verdict"):
        assert lines(replace(STANDING, incumbent=TUNED), capsys, phase=phase)[1].split()[:2] == [phase, "55"]


def test_a_race_says_how_the_users_settings_stand_beside_another_incumbent() -> None:
    world = World(ALPHA, seed=102)
    (space,) = ALPHA.values()
    own = space.configuration({"p04": False})
    leader = tune(world, budget=95.0, base=own).leader
    standing = leader.standing()
    assert standing.incumbent not in (own, standing.default)
    assert standing.settings is not None
    assert standing.settings.pairs > 0
    assert standing.settings.cost > standing.settings.incumbent_cost > 0
    assert tune(world, budget=95.0).leader.standing().settings is None
