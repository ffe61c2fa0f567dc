"""The losses: prediction (Eq. 6) over the full, chunked or sampled catalogue, and the terms of Eq. 4 and 8."""
