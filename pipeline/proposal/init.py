"""Writes a proposed configuration into a file of its own, and says what to do next."""

import os
import re
import shlex
import tempfile

import yaml

from pipeline.config import parse_config
from pipeline.console import redirect_output
from pipeline.run_result import find_program
from schemas.errors import UserError
from schemas.identity import SALT_VARIABLE

_ENDINGS = re.compile(r"(\.(csv|tsv|txt|dat|data|json|jsonl|ndjson|inter|parquet|pq|gz|bz2|zst))+$", re.IGNORECASE)


def init(log: str, out: str | None) -> None:
    """Proposes a configuration for a log and writes it, reporting on standard output.

    Args:
        log: a file, a folder or a glob.
        out: the YAML to write; None for the log's name in the current folder.

    Raises:
        UserError: if the log cannot be read, or there is a file already.
    """
    name = make_name(log)
    path = out or f"{name}.yaml"
    _refuse_existing(path)  # before the log is read, which may take minutes
    print(f"Looking at {log}", flush=True)
    with tempfile.TemporaryDirectory() as folder, redirect_output(os.path.join(folder, "init.log")):
        # Imported here, because Beam speaks when it is imported.
        from pipeline.proposal.config_text import write_config
        from pipeline.proposal.propose import propose
        from pipeline.proposal.summary import summarise

        proposal = propose(log)
    text = write_config(name, proposal)
    parse_config(yaml.safe_load(text), path)
    print(summarise(proposal))
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_existing(path)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}. Name another place with --out FILE.") from error
    print(_describe_next(path))


def make_name(log: str) -> str:
    """Returns a name for the pipeline of a log.

    >>> make_name("/data/Events 2024.csv.gz"), make_name("logs/2024/")
    ('events_2024', 'log_2024')
    """
    stem = _ENDINGS.sub("", os.path.basename(os.path.abspath(log.split("*")[0])))
    name = re.sub(r"[^a-z0-9_-]+", "_", stem.lower()).strip("_-")
    return name if re.match(r"[a-z]", name) else f"log_{name}".rstrip("_")


def _describe_next(path: str) -> str:
    program, quoted = find_program(os.get_exec_path()), shlex.quote(path)
    commands = [f"  {program} check --config {quoted}", f"  {program} run --config {quoted}"]
    if not os.environ.get(SALT_VARIABLE):
        commands.insert(
            0, f'  export {SALT_VARIABLE}="$(openssl rand -hex 32)"    # keep it: users are hashed under it'
        )
    return "\n".join([f"Wrote {path}. Look it through, then:", *commands])


def _refuse_existing(path: str) -> None:
    if os.path.exists(path):
        raise UserError(f"{path} is there already, and is not written over. Name another file with --out FILE.")
