import cv2
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    return {"ok": True, "opencv": cv2.__version__}
