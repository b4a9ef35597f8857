"""Native `transformers` classes of A.X 4.0 VL (extra `train`: torch and transformers)."""
