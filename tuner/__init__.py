"""Finds the MILP solver and parameters that solve a folder of models faster, and proves it.

The words, with one meaning each, in code, schema and README alike:

scenario
    The frozen description of a tuning task: instances, solvers and spaces, cost, cutoff, budget, seeds.
job
    A scenario that was handed in, with a state.
instance
    One MILP, known by the SHA-256 of its content. A folder of them is an instance set; its two disjoint parts are
    training and holdout.
configuration
    The leader's decision x: a solver and values for its parameters. The default is one too, and always runs.
run
    One follower execution: (configuration, instance, seed, cutoff). The verb is execute.
response
    What a run yields: termination (how the process ended), claim (what the solver says) and check (what we say), never
    merged, and everything that was measured.
cost
    The number the leader minimises for one run, aggregated over instances. PAR10: an unsolved run costs ten cutoffs.
cutoff, cap, budget
    Seconds for one run; a tighter limit that the race sets for one run; seconds for the whole job.
incumbent, challenger, trajectory
    The best configuration so far; one that races it; the incumbents over time.
trial
    Optuna's word, and only in the leader: one trial is one configuration.
slot
    The place where one run executes at a time.
"""
