from fastapi import FastAPI

app = FastAPI()


@app.get("/read")
def read():
    import numpy
    from rapidocr_onnxruntime import RapidOCR

    found, _ = RapidOCR()(numpy.full((64, 64, 3), 255, dtype="uint8"))
    return {"found": len(found or [])}
