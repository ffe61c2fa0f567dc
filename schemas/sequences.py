"""The sequence example: the paper's seven fields (appendix B) and the cutoff, one ``tf.train.Example`` a sequence.

This module is the one naming authority for the features of the examples.

========================  =======  =====================================================
feature                   type     content
========================  =======  =====================================================
``user_id``               bytes    keyed hash of the raw id (see `schemas.identity`)
``history_item_ids``      int64    fingerprints, oldest first, at least one
``history_scene_ids``     int64    fingerprints, aligned with ``history_item_ids``
``history_timestamps``    int64    unix seconds (UTC), aligned likewise
``future_item_ids``       int64    fingerprints, oldest first, at least one
``future_scene_ids``      int64    fingerprints, aligned with ``future_item_ids``
``future_timestamps``     int64    unix seconds (UTC), aligned likewise
``cutoff``                int64    unix seconds (UTC), between history and future: when the question is asked
========================  =======  =====================================================
"""

import pathlib

USER_ID = "user_id"
HISTORY_ITEM_IDS = "history_item_ids"
HISTORY_SCENE_IDS = "history_scene_ids"
HISTORY_TIMESTAMPS = "history_timestamps"
FUTURE_ITEM_IDS = "future_item_ids"
FUTURE_SCENE_IDS = "future_scene_ids"
FUTURE_TIMESTAMPS = "future_timestamps"
CUTOFF = "cutoff"

HISTORY_FEATURES = (HISTORY_ITEM_IDS, HISTORY_SCENE_IDS, HISTORY_TIMESTAMPS)
FUTURE_FEATURES = (FUTURE_ITEM_IDS, FUTURE_SCENE_IDS, FUTURE_TIMESTAMPS)
SEQUENCE_FEATURES = (USER_ID, *HISTORY_FEATURES, *FUTURE_FEATURES)
"""The paper's seven fields, which files of sequences have, too."""
EXAMPLE_FEATURES = (*SEQUENCE_FEATURES, CUTOFF)
"""The features of an example."""

SECONDS_A_DAY = 86_400
"""Days in the unit of timestamps."""

TRAIN = "train"
VALIDATION = "val"
TEST = "test"
SPLITS = (TRAIN, VALIDATION, TEST)

SCHEMA_FILE = str(pathlib.Path(__file__).with_name("sequence_examples.pbtxt"))
"""The curated TensorFlow Metadata schema of the features above."""
