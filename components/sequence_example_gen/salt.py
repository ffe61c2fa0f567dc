"""The key of the users' hashes."""

import os

SALT_VARIABLE = "DSPNET_SALT"
DEMO_SALT = "dspnet public demonstration salt"
"""Known to all: hashes under it hide nobody. Only for data that is public already."""


def read_salt(demo: bool) -> bytes:
    """Returns the key of the users' hashes, from the environment.

    Raises:
        ValueError: if it is missing and this is no demonstration.
    """
    salt = os.environ.get(SALT_VARIABLE, "")
    if not salt and not demo:
        raise ValueError(
            f"The environment variable {SALT_VARIABLE} is missing or empty, so users cannot be hashed safely. Set it "
            "to a "
            "long secret text and keep it (another salt gives other user hashes), or set `demo: true` for public data."
        )
    return (salt or DEMO_SALT).encode("utf-8")
