"""The verdict: what the incumbent is worth on instances and seeds that it was not tuned on."""
