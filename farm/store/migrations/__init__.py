"""The tables' history. Each file under `versions` is one step: `NNNN_what.py`, its revision the number alone."""
