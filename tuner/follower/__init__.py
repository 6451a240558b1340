"""The follower: answers y*(x), by real solvers executed to completion in isolated processes, measured and checked."""
