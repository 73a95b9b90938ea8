"""A device farm for edge machine learning: models x boards x configs on real boards, and numbers that can be trusted.

The rooms, from the inside out (docs/architecture.md):

    model       what things are: boards, jobs, attempts, results; values without behaviour of their own
    sweeps      a sweep file's text becomes jobs, or an error with a line and a column
    scheduling  events in, commands out: who runs what, when, and for how long it may
    analysis    samples become numbers with an interval and a verdict
    store       SQL, the only truth
    wire        protobuf messages become model values and back
    coordinator the gateway to the agents, and what hosts it: this process, or Ray
    report      tables and pictures for a terminal
    cli         the command `farm`
"""

__version__ = "0.1.0"
