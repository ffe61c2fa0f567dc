"""The folders in which a model's versions lie, as TensorFlow Serving expects them: `<base>/<version>/`."""

import os

_LARGEST = 2**63 - 1  # the protocol's type


def find_versions(base: str) -> dict[int, str]:
    """Returns the folders with numeric names that hold a SavedModel, by their numbers; none if there is no folder."""
    names = os.listdir(base) if os.path.isdir(base) else []
    folders = {int(name): os.path.join(base, name) for name in names if name.isascii() and name.isdigit()}
    return {
        version: folder
        for version, folder in folders.items()
        if version <= _LARGEST and os.path.isfile(os.path.join(folder, "saved_model.pb"))
    }


def list_files(folder: str) -> tuple[tuple[str, int, int], ...]:
    """Returns the path, size and time (ns) of each file in a folder: equal lists mean that nothing changed."""
    found = []
    for parent, _, names in os.walk(folder):
        for path in (os.path.join(parent, name) for name in names):
            try:
                status = os.stat(path)
            except FileNotFoundError:  # moved away while we look
                continue
            found.append((path, status.st_size, status.st_mtime_ns))
    return tuple(sorted(found))
