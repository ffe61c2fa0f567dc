"""Why a request is not answered, in the words of both protocols."""

import enum


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


class Refusal(Exception):  # noqa: N818  (it is an answer, not an error of the server)
    """A request that is not answered.

    Args:
        reason: decides the status.
        message: what was wrong, where, and what was expected; is sent to the client.

    Attributes:
        reason: the same.
    """

    def __init__(self, reason: Reason, message: str):
        super().__init__(message)
        self.reason = reason
