import bottleneck
import lxml.etree
import matplotlib
import numpy
import requests
import seaborn
import yaml
from flask import Flask

matplotlib.use("Agg")
app = Flask(__name__)


@app.get("/health")
def health():
    modules = [bottleneck, lxml.etree, numpy, requests, seaborn, yaml]
    return {module.__name__: module.__version__ for module in modules if hasattr(module, "__version__")}


if __name__ == "__main__":
    app.run()
