"""Protobuf messages become model values and back: one file per proto file, pure functions, `to_…` and `from_…`.

Whatever comes in is untrusted. A `from_` function returns a value that the rest of the farm can rely on, or raises
`WireError` that names the field: an enum that is not known, a sub-message that is missing, a negative duration, a
number that no database column holds, a column in a codec that does not belong there.
"""
