"""The leader: chooses x, a solver and its parameters, from the follower's responses alone."""
