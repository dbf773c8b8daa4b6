from flask import Flask
import tensorflow as tf

app = Flask(__name__)


@app.get("/")
def index():
    return {"sum": float(tf.reduce_sum(tf.range(10.0)))}
