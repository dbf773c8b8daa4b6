import catboost
import lightgbm
import xgboost
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    return {module.__name__: module.__version__ for module in (catboost, lightgbm, xgboost)}
