"""What RankingEvaluator writes and others read: names of files and columns.

``evaluation.json`` has, among others,

====================  =================================================================================================
key                   content
====================  =================================================================================================
``name``              of the pipeline
``sequences``         how many test sequences were measured
``digest``            of the test users and their futures; runs with the same one can be compared
``slices``            by name: ``title`` and ``sequences``
``models``            by name, the candidate first: ``unknown_share`` by task, and ``metrics`` by ``task/metric`` or
                      ``task/metric/slice``: ``value``, ``low``, ``high`` (95% interval) and ``sequences``
``differences``       by model, of the candidate to it, by metric: ``value``, ``low``, ``high``, ``p_value``
``verdict``           ``blessed`` and ``reasons``
====================  =================================================================================================

What could not be measured is left out. ``sequences.parquet`` has one row a test sequence of the candidate.
"""

EVALUATION_FILE = "evaluation.json"
TABLE_FILE = "evaluation.txt"
SEQUENCES_FILE = "sequences.parquet"

USER_COLUMN = "user_id"
"""The user's hash, as in the examples."""
SEQUENCE_COLUMN = "sequence"
"""int64, a digest of user and future."""
GROUP_COLUMN = "group"
"""One of ``low``, ``medium``, ``high``, by length of the history. All other columns are metrics, float32."""
