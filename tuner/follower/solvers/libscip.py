"""SCIP's C interface, as far as the adapter needs it, by ctypes on the library that OR-Tools' wheel carries.

OR-Tools itself does not describe SCIP's parameters, does not read them back and does not tell the dual bound when a
solution is found; SCIP's own interface does, and loads in a few milliseconds.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from ctypes import POINTER, byref, c_char, c_char_p, c_double, c_int, c_longlong, c_uint, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

OKAY = 1
"""SCIP_OKAY: what every function that can fail returns when it did not."""

EVENT = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_void_p)
"""What SCIP calls for an event: scip, event handler, event, data."""

SOLUTION_FOUND = {10: 0x10000000}
"""SCIP_EVENTTYPE_BESTSOLFOUND, a new best solution, by SCIP's major version."""

BOOL, INT, LONGINT, REAL, CHAR, STRING = range(6)
"""SCIP_PARAMTYPE_*."""

INTEGER, CONTINUOUS = 1, 3
"""SCIP_VARTYPE_*; SCIP makes integers between 0 and 1 binary by itself."""

LOWER, UPPER = 0, 1
"""SCIP_BOUNDTYPE_*."""

INFINITY = 1e20
"""SCIP's default for numerics/infinity: whatever is larger is infinite."""

# Functions that return a SCIP_RETCODE, and their arguments after the SCIP pointer.
_FALLIBLE: dict[str, tuple[Any, ...]] = {
    "SCIPincludeDefaultPlugins": (),
    "SCIPcreateProbBasic": (c_char_p,),
    "SCIPsetObjsense": (c_int,),
    "SCIPaddOrigObjoffset": (c_double,),
    "SCIPcreateVarBasic": (POINTER(c_void_p), c_char_p, c_double, c_double, c_double, c_int),
    "SCIPaddVar": (c_void_p,),
    "SCIPreleaseVar": (POINTER(c_void_p),),
    "SCIPcreateConsBasicLinear": (POINTER(c_void_p), c_char_p, c_int, c_void_p, c_void_p, c_double, c_double),
    "SCIPcreateConsBasicBounddisjunction": (POINTER(c_void_p), c_char_p, c_int, c_void_p, c_void_p, c_void_p),
    "SCIPcreateConsBasicIndicator": (
        POINTER(c_void_p),
        c_char_p,
        c_void_p,
        c_int,
        c_void_p,
        c_void_p,
        c_double,
    ),
    "SCIPcreateConsBasicSOS1": (POINTER(c_void_p), c_char_p, c_int, c_void_p, c_void_p),
    "SCIPcreateConsBasicSOS2": (POINTER(c_void_p), c_char_p, c_int, c_void_p, c_void_p),
    "SCIPgetNegatedVar": (c_void_p, POINTER(c_void_p)),
    "SCIPaddCons": (c_void_p,),
    "SCIPreleaseCons": (POINTER(c_void_p),),
    "SCIPincludeEventhdlrBasic": (POINTER(c_void_p), c_char_p, c_char_p, EVENT, c_void_p),
    "SCIPtransformProb": (),
    "SCIPcatchEvent": (c_uint64, c_void_p, c_void_p, POINTER(c_int)),
    "SCIPsolve": (),
    "SCIPgetSolVals": (c_void_p, c_int, c_void_p, c_void_p),
    "SCIPsetBoolParam": (c_char_p, c_uint),
    "SCIPsetIntParam": (c_char_p, c_int),
    "SCIPsetLongintParam": (c_char_p, c_longlong),
    "SCIPsetRealParam": (c_char_p, c_double),
    "SCIPsetCharParam": (c_char_p, c_char),
    "SCIPsetStringParam": (c_char_p, c_char_p),
    "SCIPreadParams": (c_char_p,),
    "SCIPsetEmphasis": (c_int, c_uint),
    "SCIPsetPresolving": (c_int, c_uint),
    "SCIPsetHeuristics": (c_int, c_uint),
    "SCIPsetSeparating": (c_int, c_uint),
}
# Functions that return a value: its type and the arguments after the first pointer.
_PLAIN: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "SCIPmajorVersion": (c_int, ()),
    "SCIPminorVersion": (c_int, ()),
    "SCIPtechVersion": (c_int, ()),
    "SCIPsetMessagehdlrQuiet": (None, (c_uint,)),
    "SCIPgetStatus": (c_int, ()),
    "SCIPgetBestSol": (c_void_p, ()),
    "SCIPgetDualbound": (c_double, ()),
    "SCIPgetSolOrigObj": (c_double, (c_void_p,)),
    "SCIPeventGetSol": (c_void_p, ()),
    "SCIPgetNTotalNodes": (c_longlong, ()),
    "SCIPgetNLPIterations": (c_longlong, ()),
    "SCIPgetDeterministicTime": (c_double, ()),
    "SCIPgetParams": (POINTER(c_void_p), ()),
    "SCIPgetNParams": (c_int, ()),
    "SCIPgetParam": (c_void_p, (c_char_p,)),
    "SCIPparamGetType": (c_int, ()),
    "SCIPparamGetName": (c_char_p, ()),
    "SCIPparamGetDesc": (c_char_p, ()),
    "SCIPparamGetBool": (c_uint, ()),
    "SCIPparamGetInt": (c_int, ()),
    "SCIPparamGetLongint": (c_longlong, ()),
    "SCIPparamGetReal": (c_double, ()),
    "SCIPparamGetChar": (c_char, ()),
    "SCIPparamGetString": (c_char_p, ()),
    "SCIPparamGetIntMin": (c_int, ()),
    "SCIPparamGetIntMax": (c_int, ()),
    "SCIPparamGetLongintMin": (c_longlong, ()),
    "SCIPparamGetLongintMax": (c_longlong, ()),
    "SCIPparamGetRealMin": (c_double, ()),
    "SCIPparamGetRealMax": (c_double, ()),
    "SCIPparamGetCharAllowedValues": (c_char_p, ()),
}


class ScipError(RuntimeError):
    """A function of SCIP failed."""


@cache
def library() -> ctypes.CDLL:
    """Load SCIP from OR-Tools' wheel and declare its functions."""
    spec = importlib.util.find_spec("ortools")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for folder in folders for path in sorted(Path(folder, ".libs").glob("libscip.so*"))]
    if not found:
        raise ScipError(f"no libscip.so in {folders}: this build of ortools comes without SCIP")
    loaded = ctypes.CDLL(str(found[0]))
    for name, arguments in _FALLIBLE.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = (c_void_p, *arguments), c_int
    for name, (result, arguments) in _PLAIN.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = (c_void_p, *arguments), result
    loaded.SCIPstatusName.argtypes, loaded.SCIPstatusName.restype = (c_int,), c_char_p
    for name in ("SCIPcreate", "SCIPfree"):
        getattr(loaded, name).argtypes = (POINTER(c_void_p),)
    loaded.SCIPmessageSetErrorPrinting.argtypes = (c_void_p, c_void_p)
    loaded.SCIPmessageSetErrorPrinting.restype = None
    # Without this SCIP writes its errors to standard error; ours name what failed.
    loaded.SCIPmessageSetErrorPrinting(None, None)
    return loaded


class Environment:
    """One SCIP environment with its default plugins; use it in a ``with`` block."""

    def __init__(self) -> None:
        self._library = library()
        self.pointer = c_void_p()
        if self._library.SCIPcreate(byref(self.pointer)) != OKAY:
            raise ScipError("SCIPcreate failed")
        self("SCIPincludeDefaultPlugins")
        self.get("SCIPsetMessagehdlrQuiet", 1)

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.SCIPfree(byref(self.pointer))

    def __call__(self, function: str, *arguments: Any) -> None:
        """Call a function that may fail.

        Raises ScipError when it does.
        """
        code = getattr(self._library, function)(self.pointer, *arguments)
        if code != OKAY:
            raise ScipError(f"{function} failed with SCIP's return code {code}")

    def get(self, function: str, *arguments: Any) -> Any:
        """Call a function that returns a value."""
        return getattr(self._library, function)(self.pointer, *arguments)

    def watch(self, called: Callable[[float], None], events: int) -> None:
        """Have ``called`` called with the objective of each solution these events bring; after the model was built."""

        def found(_scip: int, _handler: int, event: int, _data: int) -> int:
            called(self.get("SCIPgetSolOrigObj", self._library.SCIPeventGetSol(event)))
            return OKAY

        self._callback = EVENT(found)  # SCIP keeps the bare pointer: the object has to live as long
        handler = c_void_p()
        self("SCIPincludeEventhdlrBasic", byref(handler), b"tuner", b"", self._callback, None)
        self("SCIPtransformProb")
        self("SCIPcatchEvent", events, handler, None, None)

    def status(self) -> str:
        """Return where the solve stands, in SCIP's own words."""
        return str(self._library.SCIPstatusName(self.get("SCIPgetStatus")).decode())
