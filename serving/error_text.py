"""What an exception says, in one line for people."""

import re

_NODE = re.compile(r"\{\{(function_)?node [^}]*\}\}\s*| \[Op:[^\]]*\]")


def extract_message(error: Exception) -> str:
    r"""Returns what TensorFlow says is wrong, without graph names and stack traces.

    TensorFlow writes the traces of the graph first, then the message in one line, then the nodes it passed through.

    >>> extract_message(ValueError("Graph error:\n\nDetected at node a\nrows differ\n\t [[{{node a}}]] [Op:f]"))
    'rows differ'
    """
    text = getattr(error, "message", None) or str(error)
    lines = [line for line in text.partition("\n\t [[")[0].splitlines() if line.strip()]
    return _NODE.sub("", lines[-1]).strip() if lines else type(error).__name__


def summarize_error(error: Exception) -> str:
    r"""Returns the name of an exception and the first line of its message.

    >>> summarize_error(OSError("no such file\nlook elsewhere"))
    'OSError: no such file'
    """
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
