"""From the JSON of a payload to an object of its class.

`parse` parses the JSON, `structure.Structurer` builds the object with the hooks of `hooks`, and
`converter`, which loads cattrs, finds out what does not fit. `plain` and `repeats` change no
result: they only make it faster.
"""
