"""Environments: where runners run, and how they are watched while they do.

An environment is an interpreter and locked wheels. Its name is the digest of its lock, so a job with the same lock
finds it ready and one with another gets another:

    requirements + interpreter + platform ─ resolve ─> lock (pins, hashes) ─ sha256 ─> environments/<digest>/

    interpreter.py   which Python, on which platform
    locks.py         resolutions, remembered
    installer.py     what an installer can do; uv.py and pip.py are the two
    store.py         environments built once, used by many, cleaned up by last use
    process.py       one child process: limits, log, signals, nothing left behind
    procfs.py        what Linux says of a process
    endings.py       how a process ended, as an attempt's outcome
    launching.py     a runner's events and its result
    host.py          the executor of this machine, made of all that
"""
