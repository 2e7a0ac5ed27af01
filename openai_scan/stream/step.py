"""What a driver must do next."""

from __future__ import annotations

from enum import Enum, auto


class Step(Enum):
    """What the machine asks of its driver.

    ===============  =============================================================================
    step             what the driver does
    ===============  =============================================================================
    `EVENT`          return `machine.event` to the caller
    `NEED_DATA`      read `machine.current`: `receive()` a chunk, or `input_ended()`
    `SWITCH`         close `machine.left`, open `machine.current`
    `ASK_WHAT_NEXT`  call `machine.successor`, then `go_on()` with a stream or `stop()` with an
                     outcome
    `ENDED`          close `machine.left` if there is one; `outcome` and `err` are final
    ===============  =============================================================================
    """

    EVENT = auto()
    NEED_DATA = auto()
    SWITCH = auto()
    ASK_WHAT_NEXT = auto()
    ENDED = auto()


# A module-level name is found faster than a member of an enum.
EVENT, NEED_DATA, SWITCH, ASK_WHAT_NEXT, ENDED = Step
