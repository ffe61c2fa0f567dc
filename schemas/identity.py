"""How raw ids become numbers: fingerprints for items and scenes, keyed hashes for users.

Items and scenes are public names: their fingerprint can be computed by anyone, and the serving graph does
so with ``tf.strings.to_hash_bucket_fast(raw_id, FINGERPRINT_BUCKETS)``. Users are people: their hash needs
a secret salt, and their raw ids are written nowhere.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Sequence

import farmhash
import numpy as np
import numpy.typing as npt

from schemas.errors import UserError

FINGERPRINT_BUCKETS = 2**63 - 1
"""Fingerprints lie in ``[0, FINGERPRINT_BUCKETS)``, so they fit a non-negative int64."""

PAD_FINGERPRINT = -1
"""Stands for "no event" where fingerprints are padded to a rectangle; no raw id has it."""

USER_HASH_BYTES = 16

SALT_VARIABLE = "DSPNET_SALT"
DEMO_SALT = "dspnet public demonstration salt"
"""Known to all: hashes under it hide nobody. Only for data that is public already."""

SALT_CHARACTERS = 16
"""Fewest characters of a salt: shorter ones are found by trying all."""

_DIGEST_LABEL = b"dspnet: digest of the salt, for cache keys"


def fingerprints(raw_ids: Iterable[str]) -> npt.NDArray[np.int64]:
    """Returns the 63-bit FarmHash fingerprint of each raw id.

    Args:
        raw_ids: item or scene ids as written in the log.

    Returns:
        int64 array, one number per id, equal to what
        ``tf.strings.to_hash_bucket_fast(raw_ids, FINGERPRINT_BUCKETS)`` computes.
    """
    hashes = np.fromiter((farmhash.fingerprint64(raw_id) for raw_id in raw_ids), dtype=np.uint64)
    return (hashes % np.uint64(FINGERPRINT_BUCKETS)).astype(np.int64)


def pad_rows(rows: Sequence[npt.NDArray[np.int64]], padding: int = PAD_FINGERPRINT) -> npt.NDArray[np.int64]:
    """Returns rows of different lengths as one array, filled on the right.

    Args:
        rows: fingerprints or other numbers, int64 [length] each; at least one row.
        padding: what rows are filled with.

    Returns:
        int64 [rows, length of the longest row].
    """
    padded = np.full([len(rows), max(map(len, rows))], padding, np.int64)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded


def make_user_hasher(salt: bytes) -> Callable[[str], bytes]:
    """Returns a function from a user's raw id to the first 16 bytes of HMAC-SHA-256 of it under the salt."""
    # Keying is the same for all users; copying the keyed state saves about a sixth of the time of each hash.
    keyed = hmac.new(salt, digestmod="sha256")

    def user_hash(raw_id: str) -> bytes:
        state = keyed.copy()
        state.update(raw_id.encode("utf-8"))
        return state.digest()[:USER_HASH_BYTES]

    return user_hash


def splitmix64(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Returns the output of the generator SplitMix64 for some states (Steele, Lea and Flood, 2014), same shape."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def read_salt(demo: bool) -> bytes:
    """Returns the key of the users' hashes, from the environment.

    Raises:
        UserError: if it is missing and the data are not public, or if it is too short.
    """
    salt = os.environ.get(SALT_VARIABLE, "")
    if not salt and not demo:
        raise UserError(
            f"The environment variable {SALT_VARIABLE} is missing or empty, so users cannot be hashed safely. Set it "
            f"to a secret text of at least {SALT_CHARACTERS} characters and keep it (another salt gives other user "
            "hashes), or set `demo: true` for public data."
        )
    if salt and len(salt) < SALT_CHARACTERS:
        raise UserError(
            f"The environment variable {SALT_VARIABLE} has {len(salt)} characters; expected at least "
            f"{SALT_CHARACTERS}, for a short secret is found by trying. Make one with `openssl rand -hex 16`, and keep "
            "it."
        )
    return (salt or DEMO_SALT).encode("utf-8")


def digest_salt(salt: bytes) -> str:
    """Returns a digest by which two salts are told apart, and from which neither is found.

    It is stored with the metadata of a run. By scrypt (RFC 7914), so that each guess at a salt costs a twentieth of a
    second and 16 MiB; under a label of its own, so that it is of no use for anything else.

    Returns:
        32 hexadecimal digits.
    """
    return hashlib.scrypt(salt, salt=_DIGEST_LABEL, n=2**14, r=8, p=1, dklen=16).hex()
