"""Bilevel problems: a leader that chooses x, and a follower whose model x enters.

upper level
    Variables x with domains, an objective F(x, y), coupling constraints C(x, y).
lower level
    A MILP over y that x enters: y is among its optimal solutions.
rational reaction set
    The optimal solutions of the lower level for one x. Where there are several, ``ties`` says which one the leader
    assumes: the best for it that satisfies C (optimistic), or the worst (pessimistic; then all have to satisfy C).
bilevel feasible
    A pair of x and a reaction to it that satisfies C. The inducible region has all such pairs.
high-point relaxation
    The problem without "y is optimal": what the leader could have if it chose y, too. A bound.
"""

from tuner.bilevel.files import read_pair
from tuner.bilevel.linear import LinearProblem, Products
from tuner.bilevel.problem import FunctionProblem, ModelProblem, Problem, Variable
from tuner.bilevel.responder import Response, Status
from tuner.bilevel.result import Bound, Ending, Result
from tuner.bilevel.solving import solve
from tuner.bilevel.verifying import Verification, verify
from tuner.cost import Ties
from tuner.follower.reaction import Situation

__all__ = [
    "Bound",
    "Ending",
    "FunctionProblem",
    "LinearProblem",
    "ModelProblem",
    "Problem",
    "Products",
    "Response",
    "Result",
    "Situation",
    "Status",
    "Ties",
    "Variable",
    "Verification",
    "read_pair",
    "solve",
    "verify",
]
