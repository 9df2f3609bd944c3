"""Model directories run by ONNX Runtime, without PyTorch; the shipped weights."""
