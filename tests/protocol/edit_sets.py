"""Sets of edits, by example and by chance."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from llmri_protocol import Edit, ModelCard, Schedule, SiteCard
from llmri_protocol.edit_sets import EditSet, SetModel, SetSite, edit_set

CARD = ModelCard(
    name="pocket",
    runtime="torch",
    family="llama",
    layers=8,
    hidden_size=6,
    heads=2,
    vocabulary=768,
    context=512,
    dtype="f32",
    device="cpu",
    chat=True,
    sites=(
        SiteCard(name="resid_post", width=6, editable=True, unit="basis direction"),
        SiteCard(name="mlp_act", width=64, editable=True, unit="MLP neuron"),
        SiteCard(name="z", width=6, editable=True, unit="basis direction", heads=2),
        SiteCard(name="attn_out", width=6, editable=False, unit="basis direction"),
    ),
)
EDITS = (
    Edit(site="mlp_act", layer=3, units=(*range(24), 40), value=0.0),
    Edit(site="mlp_act", layer=4, units=(7,), op="mean", baseline="conversation", special=False),
    Edit(site="z", layer=2, heads=(1,), op="resample", seed=5),
    Edit(
        site="resid_post",
        layer=5,
        op="steer",
        value=1.5,
        direction=(0.1, -0.2, 0.30000000000000004, 1e-300, 5.0, -0.0),
        schedule=Schedule(first=2, tokens=8, ramp=4),
    ),
    Edit(site="resid_post", layer=6, units=(0,), op="add", value=-0.0, positions=(4, 5, 6, 9), since=3),
)
EXAMPLE = edit_set(EDITS, CARD, name="no sums", made=date(2026, 11, 21))

finite = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**53 - 1)
numbers = st.lists(st.integers(0, 300), max_size=6).map(tuple)
text = st.text(max_size=12)
schedules = st.builds(Schedule, first=counts, tokens=st.none() | counts, ramp=counts)
edits = st.builds(
    Edit,
    site=text,
    layer=st.integers(0, 200),
    units=numbers,
    heads=numbers,
    op=st.sampled_from(["scale", "add", "set", "mean", "resample", "steer"]),
    value=finite,
    direction=st.lists(finite, max_size=4).map(tuple),
    baseline=st.sampled_from(["calibration", "conversation"]),
    seed=counts,
    positions=st.sampled_from(["all", "prompt", "generated", "last"])
    | st.lists(counts, min_size=1, max_size=3).map(tuple),
    since=st.none() | counts,
    special=st.booleans(),
    schedule=st.none() | schedules,
)
models = st.builds(
    SetModel,
    name=text,
    family=text,
    layers=counts,
    sites=st.dictionaries(text, st.builds(SetSite, width=counts, heads=counts), max_size=2),
)
documents: st.SearchStrategy[Any] = st.builds(
    EditSet, name=text, made=st.dates(), model=models, edits=st.lists(edits, max_size=3).map(tuple)
)
