import faiss
import torch
from sentence_transformers import models

index = faiss.IndexFlatL2(4)
index.add(torch.eye(4).numpy())
assert index.search(torch.eye(4).numpy(), 1)[1].ravel().tolist() == [0, 1, 2, 3]
assert models.Pooling(8).pooling_output_dimension == 8
