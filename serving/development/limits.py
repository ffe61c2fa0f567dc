"""How much one request may ask for."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy.typing as npt

from serving.development.refusal import Reason, Refusal


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the development server takes at most.

    Attributes:
        request_bytes: of a request's body, and elements of one tensor; gRPC's own default.
        rows: of a batch.
    """

    request_bytes: int = 4 * 1024 * 1024
    rows: int = 1024

    def check_rows(self, inputs: Mapping[str, npt.NDArray]) -> None:
        """Refuses a batch that is too large; an input of rank 0 has no rows.

        Raises:
            Refusal: if an input has more rows than the limit.
        """
        for name, array in inputs.items():
            if array.ndim and len(array) > self.rows:
                raise Refusal(
                    Reason.INVALID,
                    f"Input {name!r}: at most {self.rows} rows in one request. Received: {len(array)}. Send several",
                )

    def check_elements(self, name: str, shape: Sequence[int]) -> None:
        """Refuses a tensor whose few bytes would unfold to more elements than any honest request holds.

        Raises:
            Refusal: if the shape has a negative dimension, or too many elements.
        """
        if any(size < 0 for size in shape) or math.prod(shape) > self.request_bytes:
            raise Refusal(
                Reason.INVALID,
                f"Input {name!r}: expected a shape of at most {self.request_bytes} elements. Received: {list(shape)}",
            )
