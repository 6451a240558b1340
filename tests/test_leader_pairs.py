from __future__ import annotations

from tuner.leader.pairs import Course

SECONDS = {k: 0.1 * (k + 1) for k in range(20)}


def test_every_instance_comes_once_before_any_comes_with_a_new_seed() -> None:
    course = Course(7, seed=3)
    rounds = [[course[7 * r + k] for k in range(7)] for r in range(3)]
    for pairs in rounds:
        assert {pair.instance for pair in pairs} == set(range(7))
        assert len({pair.seed for pair in pairs}) == 1
    assert len({pairs[0].seed for pairs in rounds}) == 3


def test_the_first_seed_of_scenario_seed_0_is_0_and_scenarios_do_not_share_seeds() -> None:
    assert Course(4, seed=0)[0].seed == 0
    mine = {Course(4, seed=1)[k].seed for k in range(400)}
    assert mine.isdisjoint(Course(4, seed=2)[k].seed for k in range(400))
    assert all(0 <= seed < 2**31 for seed in {Course(4, seed=2**31 - 1)[k].seed for k in range(40)})


def test_the_course_starts_with_one_of_each_fifth_of_the_fast_ones_ascending() -> None:
    for seed in range(10):
        course = Course(20, seed)
        course.lay(SECONDS, last=(), aside=())
        first = [course[k].instance for k in range(5)]
        bounds = [(0, 3), (3, 6), (6, 10), (10, 13), (13, 16)]
        assert all(low <= instance < high for instance, (low, high) in zip(first, bounds, strict=True))


def test_later_blocks_hold_fast_and_slow_instances_alike() -> None:
    course = Course(20, seed=4)
    course.lay(SECONDS, last=(), aside=())
    assert {course[k].instance for k in range(20)} == set(range(20))
    for block in ([5, 6, 7, 8, 9], [10, 11, 12, 13, 14]):
        instances = sorted(course[k].instance for k in block)
        assert instances[0] < 7 and instances[-1] > 12


def test_instances_set_aside_are_gone_and_those_for_the_end_are_last() -> None:
    course = Course(20, seed=5)
    known = {k: s for k, s in SECONDS.items() if k != 11}
    course.lay(known, last={18, 19}, aside={0, 1})
    assert len(course) == 18
    raced = [course[k].instance for k in range(18)]
    assert not {0, 1} & set(raced)
    assert raced[15] == 11 and set(raced[16:]) == {18, 19}


def test_the_first_block_is_walked_from_any_of_its_pairs_on_and_around() -> None:
    course = Course(8, seed=7)
    assert list(course.between(0, 7, turn=3)) == [3, 4, 0, 1, 2, 5, 6]
    assert list(course.between(0, 7, turn=13)) == list(course.between(2, 7, turn=3))
    assert list(course.between(0, 4, turn=3)) == [3, 0, 1, 2], "nothing at the end or behind it"
    assert list(course.between(6, 9, turn=3)) == [6, 7, 8], "no gaps are left before the start"
    assert list(Course(2, seed=7).between(0, 4, turn=1)) == [1, 0, 2, 3], "where there are fewer models"


def test_a_pair_is_found_where_it_is() -> None:
    course = Course(20, seed=6)
    course.lay(SECONDS, last=(), aside={3})
    for position in (0, 7, 18, 19, 57):
        assert course.position(course[position]) == position
    assert course.position(course[0]._replace(instance=3)) is None
    assert course.position(course[0]._replace(seed=5)) is None


def test_fewer_than_five_instances_make_a_course_too() -> None:
    course = Course(3, seed=0)
    course.lay({0: 3.0, 1: 2.0, 2: 1.0}, last=(), aside=())
    assert [course[k].instance for k in range(3)] == [2, 1, 0]
