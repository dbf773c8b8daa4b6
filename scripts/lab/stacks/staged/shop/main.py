import pandas
import psycopg2
import sqlalchemy
from flask import Flask
from PIL import Image

app = Flask(__name__)
engine = sqlalchemy.create_engine("postgresql+psycopg2://shop@db.example.org/shop")


@app.get("/health")
def health():
    return {"driver": psycopg2.__version__, "pandas": pandas.__version__, "pictures": Image.__name__}
