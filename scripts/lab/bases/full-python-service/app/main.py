import subprocess

import lxml.etree
import psycopg2
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout
    return {"libpq": psycopg2.__libpq_version__, "libxml2": lxml.etree.LIBXML_VERSION, "git": git}
