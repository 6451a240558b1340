"""Answering every choice of the leader."""

from __future__ import annotations

from tuner.bilevel.result import Bound
from tuner.bilevel.state import State


def exhaust(state: State) -> None:
    """Answer every choice that was not answered yet, as long as time is left."""
    responder = state.responder
    waiting = (x for x in state.problem.choices() if x not in state.known)
    is_over = False
    while state.left > 0:
        while responder.outstanding < 2 * responder.slots and not is_over:
            x = next(waiting, None)
            if x is None:
                is_over = True
            else:
                state.submit(x)
        if not responder.outstanding:
            if all(response.proven for response in state.known.values()):
                state.close(Bound.EXHAUSTION)
            return
        for response in responder.wait(state.left):
            state.take(response)
