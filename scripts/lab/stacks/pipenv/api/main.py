import polars
import pyarrow
from cryptography.fernet import Fernet
from fastapi import FastAPI

app = FastAPI()
key = Fernet.generate_key()


@app.get("/health")
def health():
    return {"polars": polars.__version__, "arrow": pyarrow.__version__}
