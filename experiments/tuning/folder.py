"""Where a search lies: in a folder named by a digest of all that its trials depend on.

So trials that were trained on other data, by other code or from another configuration are never compared.
"""

import hashlib
import json
import os
import pathlib

from experiments.runs.dataset import Dataset
from experiments.runs.run import with_values
from experiments.tuning.study import STUDY_FILE
from pipeline.cache_keys import compute_source_digests
from pipeline.config import PipelineConfig
from pipeline.tuning_config import find_ranges

_KEY_LENGTH = 12


def search_folder(config: PipelineConfig, method: str, data: Dataset, folder: str) -> str:
    """Returns the folder of the search of one method, below the folder of all."""
    config = of_method(config, method)
    parts = {
        "code": compute_source_digests()["Trainer"],
        "data": data.digest,
        "max_history": config.windows.max_history,
        "model": config.model.model_dump(mode="json"),
        "space": {key: values.model_dump(mode="json") for key, values in find_ranges(config.tuning, method).items()},
        "training": config.training.model_dump(mode="json"),
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return os.path.join(folder, f"{method}-{key[:_KEY_LENGTH]}")


def of_method(config: PipelineConfig, method: str) -> PipelineConfig:
    """Returns a configuration of another method, otherwise the same."""
    return with_values(config, {"model.name": method})


def other_searches(folder: str) -> list[str]:
    """Returns the folders of what was searched of the same method before, given the folder of a search."""
    path = pathlib.Path(folder)
    method, _, _ = path.name.rpartition("-")
    return sorted(str(study.parent) for study in path.parent.glob(f"{method}-*/{STUDY_FILE}") if study.parent != path)
