from pathlib import Path

import pytest

from llmri_look.keys.bindings import Bindings
from llmri_viewer.scripts.script import (
    Click,
    PointAt,
    Press,
    Say,
    ScriptError,
    Shot,
    Size,
    Sleep,
    Type,
    Wait,
    parse,
)


def test_a_script_reads_as_what_a_person_would_do(table: Bindings) -> None:
    text = 'wait:connected down b \\ [ say:"hello there" type:x wait:tokens=5 click:unit=127 add:unit=3 '
    text += 'new:"and anew" click:ranked=3 '
    text += "point:layer=2 double:cluster=7 click:640,400 sleep:0.5 size:900x600 shot:out/a.png shot"
    assert parse(text, table) == [
        Wait("connected"),
        Press("down"),
        Press("b"),
        Press("\\"),
        Press("["),
        Say("hello there"),
        Type("x"),
        Wait("tokens", 5),
        Click("unit", 127),
        Click("unit", 3, shift=True),
        Say("and anew", new=True),
        Click("ranked", 3),
        Click("layer", 2, clicks=0),
        Click("cluster", 7, clicks=2),
        PointAt(640, 400),
        Sleep(0.5),
        Size(900, 600),
        Shot(Path("out/a.png")),
        Shot(),
    ]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("dwn", r"`dwn` is no key.*`down`"),
        ("wait:turnend", r"`wait:turnend` is nothing to wait for.*wait:turn_end"),
        ("wait:tokens", "nothing to wait for"),
        ("wait:scan=3", "nothing to wait for"),
        ("click:127", "like `click:unit=127`"),
        ("click:12,x", "like `click:640,400`"),
        ("size:900", "like `size:1280x800`"),
        ('say:"open', "cannot be read"),
        ("sleep:-1", "like `sleep:0.5`"),
    ],
)
def test_what_is_no_script_is_named(script: str, sentence: str, table: Bindings) -> None:
    with pytest.raises(ScriptError, match=sentence):
        parse(script, table)
