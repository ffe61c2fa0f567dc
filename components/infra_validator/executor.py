"""The work of InfraValidator."""

import logging
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import Artifacts
from components.infra_validator.histories import read_histories
from components.infra_validator.refusal import RefusedError
from components.infra_validator.validation import validate
from model.data.vocabulary import load_catalogues
from schemas.sequences import TEST

# TFX's own executor has these as private names; Pusher reads the property.
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
BLESSED_PROPERTY = "blessed"

REASON_PROPERTY = "reason"
"""Custom property of the blessing that says why the candidate is blessed or not."""

_log = logging.getLogger("dspnet")
_traceback = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Asks the candidate about the test split in a fresh process, and blesses or refuses it."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Marks the blessing as TFX's InfraValidator does, and adds the reason.

        Raises:
            UndecidedError: if the fresh process dies or takes too long.
            ImportError: if the candidate needs a package that is not installed here.
        """
        items, scenes = load_catalogues(artifact_utils.get_single_uri(input_dict["catalogue"]))
        folder = artifact_utils.get_split_uri(input_dict["examples"], TEST)
        histories, source = read_histories(folder, items, scenes)
        candidate = path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"]))
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        try:
            validation = validate(candidate, histories, items, scenes, exec_properties["time_limit"])
        except RefusedError as refusal:
            _log.warning("the model is refused: %s", refusal)
            _traceback.info("Refused.", exc_info=True)
            _mark_blessing(blessing, blessed=False, reason=str(refusal))
        else:
            reason = (
                f"loaded in {validation.load_seconds:.1f} s and answered {validation.requests} requests {source} "
                f"{1000 * validation.median_seconds:.1f} ms each (median)"
            )
            _log.info("%s", reason)
            _mark_blessing(blessing, blessed=True, reason=reason)


def _mark_blessing(blessing: types.Artifact, blessed: bool, reason: str) -> None:
    io_utils.write_string_file(os.path.join(blessing.uri, BLESSED_FILE if blessed else NOT_BLESSED_FILE), "")
    blessing.set_int_custom_property(BLESSED_PROPERTY, int(blessed))
    blessing.set_string_custom_property(REASON_PROPERTY, reason)
