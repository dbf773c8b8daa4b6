import numpy
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return {"sum": int(numpy.arange(10).sum())}
