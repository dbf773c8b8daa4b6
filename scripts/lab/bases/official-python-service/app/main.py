import pathlib

import numpy
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    parts = sorted(path.read_text().strip() for path in pathlib.Path("/srv/shared").glob("*.conf") if path.name != "part3.conf")
    return {"parts": len(parts), "sum": int(numpy.arange(10).sum())}
