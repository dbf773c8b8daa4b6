from fastapi import FastAPI

app = FastAPI()


@app.get("/embed")
def embed(text: str):
    from sentence_transformers import SentenceTransformer

    return {"vector": SentenceTransformer("all-MiniLM-L6-v2").encode(text).tolist()}
