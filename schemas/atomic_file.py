"""Files that are there whole or not at all."""

import os


def write_whole(path: str, content: bytes) -> None:
    """Writes a file in the place of an earlier one, which stays if this does not come to its end.

    Raises:
        OSError: if it cannot be written.
    """
    with open(f"{path}.new", "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
