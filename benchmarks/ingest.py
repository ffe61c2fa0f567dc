"""Times SequenceExampleGen on a log, against a bare read of the same file.

python -m benchmarks.ingest --log /path/to/globo_news.csv.gz
"""

import argparse
import logging
import os
import resource
import sys
import tempfile
import time

import pyarrow.csv

BEAM_ARGS = ["--runner=FnApiRunner", "--direct_num_workers=1"]


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", required=True, help="CSV log with the columns user_id, item_id, scene_id, timestamp")
    parser.add_argument("--cutoff", default="2017-10-13", help="end of the histories")
    parser.add_argument("--max-history", type=int, default=20)
    parser.add_argument("--partitions", type=int, default=8)
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("dspnet").setLevel(logging.INFO)
    sys.argv = sys.argv[:1]  # TFX would parse them as its own.

    begin = time.perf_counter()
    rows = pyarrow.csv.read_csv(args.log).num_rows
    floor = time.perf_counter() - begin
    print(f"floor: bare pyarrow read of {rows:,} rows in {floor:.2f} s")

    # Imports and first use of TFX take 20 to 30 s, and are no part of the figures.
    from tfx.types import standard_artifacts

    from components import artifacts
    from components.sequence_example_gen.config import IngestSettings
    from components.sequence_example_gen.executor import Executor

    settings = IngestSettings.model_validate(
        {
            "source": {"path": args.log},
            "windows": {"cutoffs": [args.cutoff], "max_history": args.max_history},
            "split": {},
            "partitions": args.partitions,
            "demo": True,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"examples": standard_artifacts.Examples, "id_map": artifacts.IdMap, "rejects": artifacts.RejectedRows}
        outputs = {name: [kind()] for name, kind in kinds.items()}
        for name, (artifact,) in outputs.items():
            artifact.uri = os.path.join(folder, name)
        executor = Executor(Executor.Context(beam_pipeline_args=list(BEAM_ARGS), tmp_dir=folder, unique_id="1"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin, cpu = time.perf_counter(), time.process_time()
        executor.Do({}, outputs, {"settings": settings.model_dump_json()})
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        examples = outputs["examples"][0]
        made = {split: examples.get_int_custom_property(f"sequences_{split}") for split in ("train", "val", "test")}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"ingest: {seconds:.2f} s = {rows / seconds:,.0f} events/s, "
        f"{seconds / floor:.1f} times the floor ({cpu:.2f} s of CPU)"
    )
    print(f"sequences: {made}, {sum(made.values()):,} in all")
    print(f"peak memory: {peak / 2**20:.2f} GiB ({before / 2**20:.2f} GiB before the run)")


if __name__ == "__main__":
    main()
