"""What the development server does not answer: refused requests, in the words of both protocols, and their limits."""

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence

import numpy.typing as npt


class Reason(enum.Enum):
    """What is wrong; the value is the HTTP status and the name of the gRPC status, as TensorFlow Serving gives them."""

    INVALID = (400, "INVALID_ARGUMENT")
    UNKNOWN_SIGNATURE = (400, "FAILED_PRECONDITION")
    NOT_FOUND = (404, "NOT_FOUND")
    UNSUPPORTED = (501, "UNIMPLEMENTED")
    FAILED = (500, "INTERNAL")

    @property
    def http_status(self) -> int:
        """The status of an HTTP response."""
        return self.value[0]

    @property
    def grpc_status(self) -> str:
        """The name of a member of ``grpc.StatusCode``."""
        return self.value[1]


class RefusalError(Exception):
    """A request that is not answered.

    Args:
        message: what was wrong, where, and what was expected; the client reads it.
        reason: decides the status.

    Attributes:
        reason: decides the status.
    """

    def __init__(self, message: str, reason: Reason = Reason.INVALID):
        super().__init__(message)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class RequestLimits:
    """How much one request may ask for.

    Attributes:
        request_bytes: most bytes of a body, and most elements of one tensor; the default is gRPC's own.
        rows: most rows of a batch.
    """

    request_bytes: int = 4 * 1024 * 1024
    rows: int = 1024

    def check_rows(self, inputs: Mapping[str, npt.NDArray]) -> None:
        """Refuses a batch that is too large; an input of rank 0 has no rows.

        Raises:
            RefusalError: if an input has more rows than the limit.
        """
        for name, array in inputs.items():
            if array.ndim and len(array) > self.rows:
                raise RefusalError(
                    f"Input {name!r}: at most {self.rows} rows in one request. Received: {len(array)}. Send several"
                )

    def check_elements(self, name: str, shape: Sequence[int]) -> None:
        """Refuses a tensor whose few bytes would unfold to more elements than any honest request holds.

        Raises:
            RefusalError: if the shape has a negative dimension, or too many elements.
        """
        if any(size < 0 for size in shape) or math.prod(shape) > self.request_bytes:
            raise RefusalError(
                f"Input {name!r}: expected a shape of at most {self.request_bytes} elements. Received: {list(shape)}"
            )
