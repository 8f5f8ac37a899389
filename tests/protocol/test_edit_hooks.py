import json

import msgspec
import pytest

from llmri_protocol import Edit
from llmri_protocol.edit_hooks import as_hooks
from llmri_protocol.edit_sets import EditSetError
from llmri_protocol.sites import HOOKS
from tests.protocol.edit_sets import EXAMPLE


def test_edits_stand_under_the_names_of_transformerlens() -> None:
    hooks = as_hooks(EXAMPLE)
    assert list(hooks) == [
        "blocks.3.mlp.hook_post",
        "blocks.4.mlp.hook_post",
        "blocks.2.attn.hook_z",
        "blocks.5.hook_resid_post",
        "blocks.6.hook_resid_post",
    ]
    assert hooks["blocks.3.mlp.hook_post"] == [
        {"op": "scale", "units": [*range(24), 40], "value": 0.0, "positions": "all"}
    ]
    assert hooks["blocks.5.hook_resid_post"][0]["direction"] == list(EXAMPLE.edits[3].direction)
    assert json.loads(json.dumps(hooks)) == hooks


def test_units_of_z_are_told_by_head_and_index() -> None:
    edits = (
        Edit(site="z", layer=0, units=(0, 4), heads=(1,)),
        Edit(site="z", layer=0, op="steer", value=2.0, direction=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
    )
    scale, steer = as_hooks(msgspec.structs.replace(EXAMPLE, edits=edits))["blocks.0.attn.hook_z"]
    assert (scale["heads"], scale["indices"]) == ([0, 1, 1, 1], [0, 1, 0, 2])
    assert steer["direction"] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_a_site_without_a_name_there_is_refused() -> None:
    foreign = msgspec.structs.replace(EXAMPLE, edits=(Edit(site="embeddings", layer=0, units=(1,)),))
    with pytest.raises(EditSetError, match="edit 1: `embeddings`"):
        as_hooks(foreign)


def test_every_site_of_a_block_has_a_name() -> None:
    assert set(HOOKS) == {"resid_pre", "resid_mid", "resid_post", "attn_out", "z", "mlp_act", "mlp_out"}
