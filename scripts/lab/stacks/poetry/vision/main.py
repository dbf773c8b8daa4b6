import cv2
import pandas
from fastapi import FastAPI
from sklearn.cluster import KMeans

app = FastAPI()


@app.get("/health")
def health():
    return {"opencv": cv2.__version__, "pandas": pandas.__version__, "clusters": KMeans(2).n_clusters}
