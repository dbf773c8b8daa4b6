from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    import onnxruntime
    import tensorflow

    return {"tensorflow": tensorflow.__version__, "providers": onnxruntime.get_available_providers()}
