"""Why a request is not answered, in the words of both protocols."""

import enum
import re


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


_NODE = re.compile(r"\{\{(function_)?node [^}]*\}\}\s*| \[Op:[^\]]*\]")


def first_line(error: Exception) -> str:
    r"""Returns what TensorFlow says is wrong, without graph names and stack traces.

    TensorFlow writes the traces of the graph first, then the message in one line, then the nodes it passed through.

    >>> first_line(ValueError("Graph execution error:\n\nDetected at node a\nrows differ\n\t [[{{node a}}]] [Op:f]"))
    'rows differ'
    """
    text = getattr(error, "message", None) or str(error)
    lines = [line for line in text.partition("\n\t [[")[0].splitlines() if line.strip()]
    return _NODE.sub("", lines[-1]).strip() if lines else type(error).__name__
