import polars
import pyarrow
from cryptography.fernet import Fernet

from api.main import health, key

assert health()["arrow"] == pyarrow.__version__
frame = polars.DataFrame({"a": [1, 2, 3]})
assert frame.to_arrow().column("a").to_pylist() == [1, 2, 3]
assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"
