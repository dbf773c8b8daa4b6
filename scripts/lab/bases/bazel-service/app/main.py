import sys

import numpy
from flask import Flask
from gunicorn.app.wsgiapp import run

app = Flask(__name__)


@app.get("/")
def index():
    return {"sum": int(numpy.arange(10).sum())}


if __name__ == "__main__":
    sys.argv = ["gunicorn", "--bind", "0.0.0.0:8000", "app.main:app"]
    run()
