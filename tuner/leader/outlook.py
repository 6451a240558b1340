"""What an explorer believes of all configurations: those in play, those flagged, and proposals not executed yet.

Beliefs number the configurations in this order, and the instances in the order in which they are met. They are made
when asked for, and forgotten with every response.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from storage.records import Configuration, Run
from tuner.cost import scale
from tuner.leader.beliefs import REST, Beliefs, Believer, Seen
from tuner.leader.candidate import Candidate, Status
from tuner.leader.field import Field
from tuner.leader.pairs import Pair
from tuner.leader.terms import Terms
from tuner.space import Space

POOL = 6
"""Proposals, at least, that wait to be executed for the first time ..."""
SHARE = 0.5
"""... and for each slot that is free."""
HEAT = 0.6
"""Multiple of the posterior's deviation with which a proposal's effects are drawn."""
FOREIGN = 0.6
"""Standard deviation of the worth of the user's own settings, where they are not of the space."""
UNSOLVED = 3.0
"""No run counts as more than so many times the worst honest cost: being unsolved says little about how much worse."""


class Outlook:
    """Beliefs about the configurations of a field, and what is proposed in their light."""

    def __init__(
        self,
        field: Field,
        spaces: Mapping[str, Space],
        terms: Terms,
        slots: int,
        seed: int,
        first: Sequence[Configuration],
    ) -> None:
        """Believe what the terms say; ``first`` are proposed before all others."""
        self._field, self._spaces, self._terms = field, spaces, terms
        self._slots, self._seed, self._first = slots, seed, first
        self._believer = Believer(terms.expected, terms.deviation, field.judge.shift, others=len(spaces) - 1)
        self.entered: list[Candidate] = []
        """The candidates in play: those executed or, unless beliefs are about the past alone, about to be."""
        self.proposed: list[Configuration] = []
        """What was not executed yet and may be."""
        self.places: dict[int, int] = {}
        """Instances that beliefs are about, numbered."""
        self.beliefs: Beliefs | None = None
        """None where something happened since they were made."""
        self._flagged: list[Candidate] = []
        self._rests: dict[Configuration, float] = {}
        self._told = self._drawn = 0

    def note_response(self) -> None:
        """Take a response that says something into account: proposals will be others."""
        self._told += 1

    def gather(self, is_busy: bool = True) -> None:
        """Find out who is in play, also by what is under way unless ``is_busy`` is false, and who is flagged."""
        self._drawn, self.proposed, self.beliefs = 0, [], None
        candidates = self._field.candidates.values()
        self._flagged = [each for each in candidates if each.status is Status.FLAGGED]
        self.entered = [
            each
            for each in candidates
            if each.status is not Status.FLAGGED and (each.observations or (is_busy and each.under_way))
        ]

    def renew(self, is_busy: bool = True) -> Beliefs:
        """Return beliefs about those in play and those flagged, also given that what is under way will have ended.

        Unless ``is_busy`` is false: then what is under way has no part in them, and they are not kept.
        """
        self.gather(is_busy)
        beliefs = self._believe((), is_busy=is_busy)
        self.beliefs = beliefs if is_busy else None
        return beliefs

    def propose(self, beliefs: Beliefs) -> Beliefs:
        """Return beliefs about proposals, too.

        Those are the user's and the prior's first ones, the best one by the mean of the effects, and what drawn
        effects suggest.
        """
        if self.proposed:
            return beliefs
        field = self._field
        self.proposed = [configuration for configuration in self._first if configuration not in field.candidates]
        busy = sum(len(candidate.under_way) for candidate in field.candidates.values())
        wanted = max(POOL, round(SHARE * (self._slots - busy)))
        root = beliefs.root
        for number in range(wanted + len(self._first)):
            if len(self.proposed) >= wanted:
                break
            effects = beliefs.effects
            if number or self._drawn:
                random_ = np.random.default_rng([self._seed, self._told, self._drawn])
                effects = effects + HEAT * root @ random_.standard_normal(len(effects))
            proposal = self._terms.best(effects, random.Random(f"{self._seed} {self._told} {self._drawn}"))
            self._drawn += 1
            is_forbidden = self._spaces[proposal.solver].forbids(proposal.values)
            if proposal not in self.proposed and proposal not in field.candidates and not is_forbidden:
                self.proposed.append(proposal)
        self.beliefs = self._believe(self.proposed, beliefs)
        return self.beliefs

    def enter(self, place: int) -> Candidate:
        """Take a proposal into play, by its place among them; beliefs stay in order."""
        field, configuration = self._field, self.proposed.pop(place)
        origin = field.origin(configuration) if configuration in self._first else "model"
        candidate = field.enter(configuration, origin)
        beliefs = self.beliefs
        assert beliefs is not None
        number = len(self.entered)
        order = np.arange(len(beliefs.mean))
        moved = slice(number, number + len(self._flagged) + place + 1)
        order[moved] = np.roll(order[moved], 1)
        self.beliefs = replace(beliefs, mean=beliefs.mean[order], covariance=beliefs.covariance[np.ix_(order, order)])
        self.entered.append(candidate)
        return candidate

    def begin(self, candidate: Candidate, pair: Pair, run: Run) -> None:
        """Note that a run is under way, and believe from now on that what it tells will be known."""
        candidate.under_way[pair] = run
        beliefs = self.beliefs
        if beliefs is None or candidate not in self.entered or self._place(pair) >= _room(beliefs):
            self.beliefs = None
        else:
            self.beliefs = beliefs.after([(self.entered.index(candidate), self._place(pair))])

    def executable(self, beliefs: Beliefs) -> list[tuple[int, Candidate | None]]:
        """Return the numbers of the configurations that may be executed, with the candidate of each that has begun."""
        entered: list[tuple[int, Candidate | None]] = list(enumerate(self.entered))
        first = len(entered) + len(self._flagged)
        return entered + [(number, None) for number in range(first, beliefs.count)]

    def proposal(self, number: int) -> int:
        """Return the place among the proposals of the configuration with this number."""
        return number - len(self.entered) - len(self._flagged)

    def place(self, beliefs: Beliefs, pair: Pair) -> int:
        """Return the number of the pair's instance; those of which nothing is known are all alike."""
        return self.places.get(pair.instance, min(len(self.places), _room(beliefs) - 1))

    def _believe(self, others: Sequence[Configuration], start: Beliefs | None = None, is_busy: bool = True) -> Beliefs:
        field = self._field
        seen: list[Seen] = []
        pending: list[tuple[int, Pair]] = []
        top = UNSOLVED * scale(field.cost, field.cutoff)
        places = self.places = {}
        for number, candidate in enumerate(self.entered):
            for pair, observation in candidate.observations.items():
                if not observation.disputed:
                    score = math.log(field.judge.shift + min(observation.cost, top))
                    seen.append(Seen(number, self._place(pair), score, observation.censored))
            if is_busy:
                pending += [
                    (number, pair) for pair in sorted(candidate.under_way.keys() - candidate.observations.keys())
                ]
        outside = math.log(field.judge.shift + scale(field.cost, field.cutoff))
        for number, candidate in enumerate(self._flagged, len(self.entered)):  # what is like them may fail, too
            for pair, observation in candidate.observations.items():
                if not observation.feasible:
                    seen.append(Seen(number, self._place(pair), outside, True))
        waiting = [(number, self._place(pair)) for number, pair in pending]
        # What is begun after ``start`` has its place there already (see `begin`).
        room = min(len(field.instances), len(places) + 1 + self._slots) if start is None else _room(start)
        entered, flagged = ([each.configuration for each in group] for group in (self.entered, self._flagged))
        configurations = [*entered, *flagged, *others]
        x = np.array([self._terms.vector(configuration) for configuration in configurations])
        x = x.reshape(len(configurations), self._terms.count)
        rest = np.array([self._rest(configuration) for configuration in configurations])
        return self._believer.believe(x, rest, room, seen, start).after(waiting)

    def _rest(self, configuration: Configuration) -> float:
        """Return the standard deviation of what no effect of a parameter explains."""
        found = self._rests.get(configuration)
        if found is None:
            space = self._spaces[configuration.solver]
            found = 0.0 if configuration == space.default else REST if space.has(configuration) else FOREIGN
            self._rests[configuration] = found
        return found

    def _place(self, pair: Pair) -> int:
        return self.places.setdefault(pair.instance, len(self.places))


def _room(beliefs: Beliefs) -> int:
    """Return how many instances beliefs have room for."""
    return (len(beliefs.mean) - beliefs.count) // 2
