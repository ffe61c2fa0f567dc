"""The schedule of a training: rounds of steps, each followed by a validation.

A round is a pass over the train split or, where that has many steps, an even part of one, so that a long split is
validated several times a pass. Patience is counted in rounds, and not before the network has seen some hundred steps:
the passes over a small split are so short that the first few tell nothing.
"""

import dataclasses

ROUND_STEPS = 400
"""Steps of a round, at most half as many again."""
FEWEST_STEPS = 300
"""Steps before patience begins to count."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When training validates, and when it must end.

    Attributes:
        epoch_steps: steps of a pass over the train split.
        epochs: most passes.
    """

    epoch_steps: int
    epochs: int

    @property
    def round_steps(self) -> int:
        """Steps of a round.

        >>> [Schedule(steps, 1).round_steps for steps in (30, 500, 1000)]
        [30, 500, 500]
        """
        return self.epoch_steps // max(1, round(self.epoch_steps / ROUND_STEPS))

    @property
    def rounds(self) -> int:
        """Most rounds."""
        return max(1, self.epochs * self.epoch_steps // self.round_steps)

    def first_round_that_counts(self) -> int:
        """Returns how many rounds end before patience begins to count.

        >>> Schedule(30, 100).first_round_that_counts()
        10
        """
        return -(-FEWEST_STEPS // self.round_steps)

    def epochs_after(self, rounds: int) -> float:
        """Returns how many passes a number of rounds makes.

        >>> Schedule(1000, 5).epochs_after(3)
        1.5
        """
        return rounds * self.round_steps / self.epoch_steps

    def is_over(self, rounds: int, best_round: int, patience: int) -> bool:
        """Returns whether training ends after a number of rounds.

        Args:
            rounds: rounds that are done.
            best_round: number of the best one, from 1; 0 before the first.
            patience: rounds without a new best that are waited for.
        """
        return rounds - max(best_round, self.first_round_that_counts()) >= patience
