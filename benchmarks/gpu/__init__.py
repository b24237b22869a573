"""What a GPU is measured by: parts that need torch, numpy, tqdm and click, but neither mlflow nor pydantic."""
