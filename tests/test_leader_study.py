from __future__ import annotations

import random
from dataclasses import replace

from storage.records import Claim, Configuration, Response, Run, Termination
from tests.simulation import space
from tuner.cost import Cost, Ties
from tuner.leader.draws import Draws, at, place_of
from tuner.leader.evidence import Difference
from tuner.leader.field import Field
from tuner.leader.pairs import Pair
from tuner.leader.sampler import Proposals
from tuner.leader.study import Study, tidy
from tuner.space import Boolean, Choice, Float, Integer, Parameter, Space, read_spaces

ALPHA = space("alpha", 12)


def taught(study: Study, spaces: dict[str, Space], count: int, seed: int = 0) -> Proposals:
    """Tell the study of ``count`` configurations, whose value depends on two parameters."""
    proposals = Proposals(spaces, study, seed)
    for _ in range(count):
        made = proposals.next({}, {"alpha": 0.0}, model=False)
        assert made is not None
        study.tell(made[0], seen(value(made[0])))
    return proposals


def seen(score: float) -> dict[int, Difference]:
    """Return what is known of a configuration that was executed on one instance."""
    return {0: Difference(score)}


def value(configuration: Configuration) -> float:
    """Return the difference to the default: two parameters could be better."""
    full = ALPHA.complete(configuration.values)
    return (-1.0 if full["p05"] == "on" else 0.0) + abs(float(full["p03"]) - 0.9) - 0.85


def test_a_configuration_of_an_earlier_versions_space_is_learnt_from_as_far_as_it_is_known() -> None:
    study = Study({"alpha": ALPHA}, seed=1)
    taught(study, {"alpha": ALPHA}, 10)
    old = Configuration.of("alpha", {"p05": "gone", "dropped": 3, "p03": 0.9})
    study.adopt(old)
    study.tell(old, seen(-0.5))
    assert study.knows(old)
    assert study.ask("alpha") is not None


def test_single_changes_are_changes_where_parameters_follow_an_emphasis() -> None:
    emphatic = read_spaces(
        """
        [toy.emphasis]
        type = "choice"
        values = ["default", "off"]
        default = "default"

        [toy.freq]
        type = "choice"
        values = [-1, 20]
        default = 20
        follows = ["emphasis"]
        """,
        "toy.toml",
    )["toy"]
    flips = Draws(random.Random(1)).flips(emphatic)
    assert sorted(map(str, flips)) == ["toy emphasis=off", "toy freq=-1"]


def test_the_model_proposes_what_was_good() -> None:
    study = Study({"alpha": ALPHA}, seed=1)
    taught(study, {"alpha": ALPHA}, 60)
    values = []
    for _ in range(10):
        configuration = study.ask("alpha")
        assert configuration is not None
        study.adopt(configuration)
        values.append(value(configuration))
        study.tell(configuration, seen(values[-1]))
    assert sorted(values)[5] < -1.35, "a random configuration has -0.65 in the median"


def test_the_model_avoids_a_region_outside_c_however_tempting() -> None:
    study = Study({"alpha": ALPHA}, seed=2)
    proposals = Proposals({"alpha": ALPHA}, study, 0)
    for _ in range(80):
        made = proposals.next({}, {"alpha": 0.0}, model=False)
        assert made is not None
        wrong = made[0].values.get("p08") is False
        study.tell(made[0], seen(-5.0 if wrong else value(made[0])), feasible=not wrong)
    asked = [study.ask("alpha") for _ in range(12)]
    assert sum(c is not None and c.values.get("p08") is False for c in asked) <= 3


def test_a_value_that_is_told_again_replaces_the_old_one() -> None:
    study = Study({"alpha": ALPHA}, seed=3)
    proposals = Proposals({"alpha": ALPHA}, study, 0)
    made = [proposals.next({}, {"alpha": 0.0}, model=False) for _ in range(60)]
    told = [item[0] for item in made if item is not None]
    for configuration in told:
        study.tell(configuration, seen(-value(configuration)))
    for configuration in told:
        study.tell(configuration, seen(value(configuration)))
    asked = [study.ask("alpha") for _ in range(8)]
    assert sorted(value(c) for c in asked if c is not None)[4] < -0.85


def test_nothing_is_proposed_twice_and_a_small_space_runs_out() -> None:
    tiny = Space("alpha", ALPHA.parameters[:2])
    study = Study({"alpha": tiny}, seed=4)
    study.adopt(tiny.default)
    proposals = Proposals({"alpha": tiny}, study, 0)
    made = [proposals.next({}, {"alpha": 0.0}, model=True) for _ in range(12)]
    configurations = [item[0] for item in made if item is not None]
    assert len(configurations) == len(set(configurations)) == 2 * 3 - 1
    assert made[-1] is None


def test_proposals_are_canonical_active_and_allowed() -> None:
    clause = (("p00", False), ("p04", False))
    spaces = {"alpha": replace(ALPHA, forbidden=(clause,))}
    study = Study(spaces, seed=5)
    proposals = taught(study, spaces, 40)
    sources = set()
    for _ in range(60):
        made = proposals.next({"alpha": [Configuration.of("alpha", {"p00": False})]}, {"alpha": 0.0}, model=True)
        assert made is not None
        configuration, source = made
        sources.add(source)
        assert spaces["alpha"].configuration(configuration.values) == configuration
        spaces["alpha"].check(configuration.values)
    assert sources == {"model", "mutation", "random"}


def test_the_worse_solver_is_proposed_less_but_not_never() -> None:
    spaces = {solver: space(solver) for solver in ("alpha", "beta")}
    proposals = Proposals(spaces, Study(spaces, 0), 0)
    made = [proposals.next({}, {"alpha": -0.3, "beta": 0.3}, model=False) for _ in range(120)]
    share = sum(item is not None and item[0].solver == "beta" for item in made) / 120
    assert 0.02 < share < 0.25


def test_a_flip_of_a_conditional_parameter_makes_it_active() -> None:
    conditional = Space(
        "alpha",
        (
            Parameter("mode", Choice(("off", "on")), "off"),
            Parameter("depth", Integer(1, 9), 5, when=(("mode", ("on",)),)),
        ),
    )
    flips = Draws(random.Random(0)).flips(conditional)
    assert {tuple(flip.values) for flip in flips} == {("mode",), ("depth", "mode")}


def test_a_place_in_a_domain_is_found_again() -> None:
    for domain in (Integer(1, 1000), Integer(1, 1000, log=True), Float(0.5, 8.0), Float(0.5, 8.0, log=True)):
        low, middle, high = (at(domain, place) for place in (0.0, 0.5, 1.0))
        assert (low, high) == (domain.low, domain.high)
        assert isinstance(middle, float if isinstance(domain, Float) else int) and domain.contains(middle)
        assert abs(place_of(domain, float(middle)) - 0.5) < 0.03


def test_real_numbers_have_four_digits_and_stay_in_their_range() -> None:
    assert tidy(Float(0.0, 1.0), 0.123456789) == 0.1235
    assert tidy(Float(0.0, 0.99999), 0.99999) == 0.99999
    assert tidy(Boolean(), True) is True


def test_another_reference_is_told_of_everybody_anew() -> None:
    spaces = {solver: space(solver, 12) for solver in ("one", "two")}
    study = Study(spaces, 0)
    field = Field(spaces, ["a"], study, Cost.PAR10, Ties.MEAN, 10.0)
    for default, seconds in zip(field.defaults, (1.0, 0.5), strict=True):
        run = Run(default.configuration, "a", 0, 10.0, 10.0)
        field.observe(default, Pair(0, 0), run, Response(Termination.EXITED, Claim.OPTIMAL, cpu=seconds, wall=seconds))
        field.inform(default)
    before = dict(field.best)
    field.refer(field.defaults[1])
    assert before["one"] == 0.0 > before["two"]
    assert field.best["two"] == 0.0 < field.best["one"]
