"""Asks an endpoint, over the REST protocol of TensorFlow Serving, what a user wants next."""

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from schemas.errors import UserError
from serving.recommendations import Question, Recommendations

TIMEOUT_SECONDS = 30.0
"""Long enough for the first request to a model that has not been warmed up."""

EXAMPLE = "http://127.0.0.1:8501/v1/models/complete_journey"

_MODEL_PATH = re.compile(r"(?:/[!-~]+)?/v1/models/[!-.0-9;-~]+(?:/(?:versions|labels)/[!-.0-9;-~]+)?")
_ON_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class EndpointError(UserError):
    """An endpoint that cannot be asked; the message says what was wrong, and what to do."""


def recommend(endpoint: str, question: Question, top: int, timeout: float = TIMEOUT_SECONDS) -> Recommendations:
    """Asks an endpoint.

    Args:
        endpoint: address of a model, as in ``http://127.0.0.1:8501/v1/models/complete_journey``, or of one of its
            versions, which ends with ``/versions/N``.
        question: what to ask.
        top: how many to return at most; the model may return fewer.
        timeout: seconds to wait for the connection, and for each part of the answer.

    Returns:
        The answer, with a note about items of ``question.only`` that the model does not rank.

    Raises:
        EndpointError: if the address is none, nothing answers, the endpoint refuses, or its answer is something else.
    """
    address = check_address(endpoint)
    body = json.dumps({"signature_name": question.signature, "inputs": question.make_inputs()}).encode("utf-8")
    request = urllib.request.Request(f"{address}:predict", body, {"Content-Type": "application/json"})
    answer = _send(request, endpoint, timeout)
    try:
        return Recommendations.from_outputs(json.loads(answer)["outputs"], top, question)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise EndpointError(
            f"--endpoint: {endpoint} answered, but not with recommendations ({_flatten(str(error))}). Is it a model "
            "of this project, served by TensorFlow Serving or `dspnet serve`?"
        ) from error


def check_address(endpoint: str) -> str:
    """Returns the address of a model, without the slash or the ``:predict`` that may follow it.

    Raises:
        EndpointError: if it is no such address.
    """
    address = endpoint.removesuffix("/").removesuffix(":predict").removesuffix("/")
    try:
        parts = urllib.parse.urlsplit(address)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or brackets that do not match
        valid = False
    if not valid or parts.query or parts.fragment or parts.username or not _MODEL_PATH.fullmatch(parts.path):
        raise EndpointError(
            f"--endpoint: expected the REST address of a model, as in {EXAMPLE}, or of one of its versions, "
            f"{EXAMPLE}/versions/1732406400. Received: {endpoint!r}"
        )
    return address


def _send(request: urllib.request.Request, endpoint: str, timeout: float) -> bytes:
    # A proxy that is meant for the network would look for this machine's servers on its own.
    here = urllib.parse.urlsplit(endpoint).hostname in _ON_THIS_MACHINE
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if here else []))
    try:
        with opener.open(request, timeout=timeout) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        raise EndpointError(_describe_refusal(endpoint, error)) from error
    except TimeoutError as error:
        raise EndpointError(_describe_silence(endpoint, timeout)) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise EndpointError(_describe_silence(endpoint, timeout)) from error
        raise EndpointError(_describe_absence(endpoint, error.reason)) from error
    except (OSError, UnicodeError) as error:
        raise EndpointError(_describe_absence(endpoint, error)) from error
    except http.client.HTTPException as error:
        raise EndpointError(
            f"--endpoint: what {endpoint} answered is not HTTP, or broke off ({type(error).__name__}). Is this the "
            "REST port, and not the one for gRPC?"
        ) from error


def _describe_refusal(endpoint: str, error: urllib.error.HTTPError) -> str:
    said = _flatten(_read_server_error(error)) or error.reason
    if error.code == 404:
        return (
            f"--endpoint: there is no such model, or no such version of it, at {endpoint} (404: {said}). The last part "
            "of the path is the name under which the model is served"
        )
    return f"--endpoint: {endpoint} refused to answer ({error.code}): {said}"


def _read_server_error(error: urllib.error.HTTPError) -> str:
    """Returns what the server says in its own words, "" if it has none."""
    try:
        answer: Any = json.loads(error.read())
        return str(answer["error"])
    except (ValueError, LookupError, TypeError, RecursionError, OSError, http.client.HTTPException):
        return ""


def _describe_absence(endpoint: str, reason: object) -> str:
    said = _flatten(str(reason)) or type(reason).__name__
    return (
        f"--endpoint: no server can be reached at {endpoint} ({said}). Start one with: dspnet serve --model FOLDER, "
        "where FOLDER holds the versions of the model; or ask the model without a server: --model FOLDER"
    )


def _describe_silence(endpoint: str, timeout: float) -> str:
    return f"--endpoint: {endpoint} did not answer within {timeout:g} s. Is it loading a model, or overloaded?"


def _flatten(text: str) -> str:
    """Returns what others said as one line that cannot steer a terminal."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:500]
