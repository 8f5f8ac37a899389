import numpy as np

from llmri_server.experiments.selectivity import most_selective, random_units, within_layer


def test_units_that_fire_for_nothing_else_are_chosen_first() -> None:
    wanted = np.array([[9.0, 0.2, 5.0], [4.0, 0.0, 0.0]])
    other = np.array([[9.0, 0.0, 1.0], [6.0, 0.0, 2.0]])
    assert np.argwhere(most_selective(wanted, other, 2)).tolist() == [[0, 1], [0, 2]]


def test_a_silent_unit_is_not_selective() -> None:
    wanted, other = np.array([[0.0, 1.0]]), np.array([[0.0, 0.9]])
    assert most_selective(wanted, other, 1).tolist() == [[False, True]]


def test_random_units_are_as_many_as_asked_and_repeat_with_the_seed() -> None:
    one, same = (random_units((4, 100), 37, np.random.default_rng(3)) for _ in range(2))
    other = random_units((4, 100), 37, np.random.default_rng(4))
    assert one.sum() == 37
    assert (one == same).all()
    assert (one != other).any()


def test_a_choice_within_a_layer_leaves_the_others_empty() -> None:
    chosen = np.array([[True, False, True]])
    placed = within_layer(chosen, 2, 4)
    assert np.argwhere(placed).tolist() == [[2, 0], [2, 2]]
