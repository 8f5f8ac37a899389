"""The names by which key tables call commands."""

from collections.abc import Mapping
from types import MappingProxyType

from llmri_viewer.commands.base import Command
from llmri_viewer.commands.chat import EraseText, LeaveChat, OpenChat, Paste, SendChat
from llmri_viewer.commands.clusters import (
    KeepClusters,
    Rebuild,
    SelectMostActive,
    ShowEdges,
    ShowView,
    StepOut,
)
from llmri_viewer.commands.edit import Ablate, Boost, ChangeAmount, ClearEdits, RedoEdit, Reread, UndoEdit
from llmri_viewer.commands.goto import Go, LeaveGoto, OpenGoto
from llmri_viewer.commands.measuring import CompareAgain, MeasureAgain, Scroll
from llmri_viewer.commands.program import (
    Export,
    Quit,
    Record,
    TakeShot,
    ToggleHelp,
    ToggleTimings,
    TurnHelpPage,
)
from llmri_viewer.commands.spectra import OrderUnits
from llmri_viewer.commands.tokens import GoToEnd, MoveToken, MoveTurn, TogglePause, ToggleReplay
from llmri_viewer.commands.view import (
    AutoWindow,
    Fit,
    GoToTenth,
    MoveLayer,
    NextColours,
    NextSite,
    NextSpectrum,
    ShowProtected,
    Toggle,
    Zoom,
)
from llmri_viewer.views import HOME, VIEWS

NAMED: Mapping[str, Command] = MappingProxyType(
    {
        "layer.previous": MoveLayer(-1),
        "layer.next": MoveLayer(1),
        **{f"layer.tenth{tenth}": GoToTenth(tenth) for tenth in range(1, 10)},
        "site.next": NextSite(),
        "site.previous": NextSite(-1),
        **{f"{name}.toggle": ShowView(name) for name in VIEWS if name != HOME},
        "view.out": StepOut(),
        "clusters.most_active": SelectMostActive(),
        "clusters.build": Rebuild(),
        "clusters.build_layer": Rebuild(alone=True),
        "edges.toggle": ShowEdges(),
        "clusters.save": KeepClusters(),
        "spectrum.next": NextSpectrum(),
        "spectrum.order": OrderUnits(),
        "influence.measure": MeasureAgain(),
        "influence.scale": Toggle("fixed"),
        "compare.measure": CompareAgain(),
        "compare.up": Scroll(-1),
        "compare.down": Scroll(1),
        "layers.scale": Toggle("per_layer"),
        "zoom.in": Zoom(1),
        "zoom.out": Zoom(-1),
        "zoom.fit": Fit(),
        "token.previous": MoveToken(-1),
        "token.next": MoveToken(1),
        "turn.previous": MoveTurn(-1),
        "turn.next": MoveTurn(1),
        "time.first": GoToEnd(-1),
        "time.last": GoToEnd(1),
        "follow.toggle": TogglePause(),
        "replay.toggle": ToggleReplay(),
        "difference.toggle": Toggle("difference"),
        "edit.boost": Boost(),
        "edit.ablate": Ablate(),
        "amount.less": ChangeAmount(-1),
        "amount.more": ChangeAmount(1),
        "edit.clear": ClearEdits(),
        "edit.undo": UndoEdit(),
        "edit.redo": RedoEdit(),
        "cache.reread": Reread(),
        "colour.next": NextColours(),
        "scale.log": Toggle("log"),
        "scale.clip": Toggle("clip"),
        "window.auto": AutoWindow(),
        "grid.toggle": Toggle("grid"),
        "protected.toggle": ShowProtected(),
        "timings.toggle": ToggleTimings(),
        "goto.open": OpenGoto(),
        "goto.go": Go(),
        "goto.paste": Paste(),
        "goto.erase": EraseText(),
        "goto.leave": LeaveGoto(),
        "chat.open": OpenChat(),
        "chat.send": SendChat(),
        "chat.send_new": SendChat(new=True),
        "chat.erase": EraseText(),
        "chat.paste": Paste(),
        "chat.leave": LeaveChat(),
        "shot.take": TakeShot(),
        "shown.export": Export(),
        "film.record": Record(),
        "help.toggle": ToggleHelp(),
        "help.next": TurnHelpPage(1),
        "help.previous": TurnHelpPage(-1),
        "program.quit": Quit(),
    }
)
