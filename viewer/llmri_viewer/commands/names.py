"""The names by which key tables call commands."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from llmri_viewer.commands.base import Command
from llmri_viewer.commands.clusters import ShowView, StepOut
from llmri_viewer.commands.looking import Fit, MoveLayer, NextColours, NextSite, Toggle, Zoom
from llmri_viewer.commands.program import Quit, TakeShot, ToggleHelp
from llmri_viewer.commands.talking import EraseText, LeaveChat, OpenChat, SendChat
from llmri_viewer.commands.tokens import MoveToken, TogglePause
from llmri_viewer.commands.touching import (
    Ablate,
    Boost,
    ChangeAmount,
    ClearEdits,
    Deselect,
    RedoEdit,
    UndoEdit,
)

Gesture = Literal[
    "unit.select",
    "unit.add",
    "cluster.select",
    "cluster.add",
    "cluster.enter",
    "view.pan",
    "zoom.pointer",
]
"""Commands that need to know where the pointer is; a key cannot give them."""

GESTURES: tuple[Gesture, ...] = get_args(Gesture)

NAMED: Mapping[str, Command] = MappingProxyType(
    {
        "layer.previous": MoveLayer(-1),
        "layer.next": MoveLayer(1),
        "site.next": NextSite(),
        "site.previous": NextSite(-1),
        "circles.toggle": ShowView("circles"),
        "hebbian.toggle": ShowView("hebbian"),
        "circles.out": StepOut(),
        "zoom.in": Zoom(1),
        "zoom.out": Zoom(-1),
        "zoom.fit": Fit(),
        "token.previous": MoveToken(-1),
        "token.next": MoveToken(1),
        "follow.toggle": TogglePause(),
        "difference.toggle": Toggle("difference"),
        "unit.deselect": Deselect(),
        "edit.boost": Boost(),
        "edit.ablate": Ablate(),
        "amount.less": ChangeAmount(-1),
        "amount.more": ChangeAmount(1),
        "edit.clear": ClearEdits(),
        "edit.undo": UndoEdit(),
        "edit.redo": RedoEdit(),
        "colour.next": NextColours(),
        "scale.log": Toggle("log"),
        "scale.clip": Toggle("clip"),
        "grid.toggle": Toggle("grid"),
        "chat.open": OpenChat(),
        "chat.send": SendChat(),
        "chat.erase": EraseText(),
        "chat.leave": LeaveChat(),
        "shot.take": TakeShot(),
        "help.toggle": ToggleHelp(),
        "program.quit": Quit(),
    }
)
