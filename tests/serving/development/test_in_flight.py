import threading
import time

import pytest

from serving.development.in_flight import InFlight
from tests.serving.echo import DEADLINE


def test_a_request_that_follows_soon_is_waited_for() -> None:
    in_flight, answered = InFlight(), []

    def client() -> None:
        for number in range(5):
            with in_flight:
                answered.append(number)
            time.sleep(0.02)  # far less than the quiet that is waited for

    thread = threading.Thread(target=client)
    thread.start()
    assert in_flight.wait(DEADLINE, quiet=1.0)
    assert answered == [0, 1, 2, 3, 4]
    thread.join()


@pytest.mark.parametrize("quiet", [0.0, 60.0])
def test_waiting_ends(quiet: float) -> None:
    in_flight = InFlight()
    assert in_flight.wait(0.05, quiet=0.0)
    with in_flight:
        began = time.monotonic()
        assert not in_flight.wait(0.05, quiet)
    assert not in_flight.wait(0.05, quiet=60.0)
    assert time.monotonic() - began < 30
