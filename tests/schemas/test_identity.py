import hashlib
import hmac

import numpy as np
import pytest
import tensorflow as tf

from schemas import identity
from schemas.errors import UserError

RAW_IDS = ["", "0/0", "item-1", "商品-7", "café", "\N{GRINNING FACE}", "a" * 1000, *map(str, range(2000))]


def test_fingerprints_equal_what_the_serving_graph_computes():
    expected = tf.strings.to_hash_bucket_fast(RAW_IDS, identity.FINGERPRINT_BUCKETS).numpy()
    found = identity.fingerprints(RAW_IDS)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


def test_fingerprints_lie_in_their_range_and_differ_from_padding():
    found = identity.fingerprints(RAW_IDS)
    assert found.min() >= 0 and found.max() < identity.FINGERPRINT_BUCKETS
    assert identity.PAD_FINGERPRINT not in found
    assert len(np.unique(found)) == len(RAW_IDS)


def test_fingerprints_of_nothing():
    found = identity.fingerprints([])
    assert found.shape == (0,) and found.dtype == np.int64


def test_rows_are_padded_at_the_end():
    rows = [np.array([1, 2]), np.array([], np.int64)]
    found = identity.pad_rows(rows)
    assert found.tolist() == [[1, 2], [identity.PAD_FINGERPRINT] * 2] and found.dtype == np.int64
    assert identity.pad_rows(rows, 0).tolist() == [[1, 2], [0, 0]]


def _hmac_by_hand(message: bytes, salt: bytes) -> bytes:
    """RFC 2104 over SHA-256, for salts up to one block."""
    key = salt.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def test_user_hash_is_the_start_of_an_hmac_sha_256():
    for raw_id in ("", "user-1", "Zoë"):
        found = identity.make_user_hasher(b"salt")(raw_id)
        assert found == _hmac_by_hand(raw_id.encode(), b"salt")[: identity.USER_HASH_BYTES]
        assert hmac.new(b"salt", raw_id.encode(), "sha256").digest().startswith(found)


def test_user_hash_depends_on_user_and_salt():
    hashes = {identity.make_user_hasher(salt)(user) for user in ("user-1", "user-2") for salt in (b"salt", b"pepper")}
    assert len(hashes) == 4


@pytest.mark.parametrize("salt", ["x", "fifteen letters"])
def test_a_short_salt_is_refused_and_not_repeated(monkeypatch, salt):
    monkeypatch.setenv("DSPNET_SALT", salt)
    for demo in (False, True):
        with pytest.raises(UserError, match=f"DSPNET_SALT has {len(salt)} characters; expected at least 16") as error:
            identity.read_salt(demo)
        assert f" {salt} " not in str(error.value)
    monkeypatch.setenv("DSPNET_SALT", "sixteen letters!")
    assert identity.read_salt(demo=False) == b"sixteen letters!"


def test_a_digest_tells_salts_apart_and_is_none_of_their_hashes():
    salts = [b"sixteen letters!", b"sixteen letters?", identity.DEMO_SALT.encode()]
    digests = [identity.digest_salt(salt) for salt in salts]
    assert len(set(digests)) == 3 and digests[0] == identity.digest_salt(salts[0])
    assert {len(digest) for digest in digests} == {32}
    # RFC 7914 with the parameters that the docstring names.
    assert digests[0] == hashlib.scrypt(salts[0], salt=identity._DIGEST_LABEL, n=16_384, r=8, p=1, dklen=16).hex()
