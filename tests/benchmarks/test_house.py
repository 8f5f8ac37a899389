"""What the viewer looks like from outside: floors, no knot of rooms."""

from pathlib import Path

import pytest

from benchmarks import house

VIEWER = house.imports(house.VIEWER)


def test_no_rooms_of_the_viewer_import_each_other() -> None:
    assert house.knots(VIEWER) == []


def test_every_room_of_the_viewer_has_a_floor_and_imports_lower_ones_only() -> None:
    assert sorted(room for floor in house.FLOORS for room in floor) == house.at_root(house.VIEWER)
    assert house.arrows_up(VIEWER) == []


def test_no_view_is_told_by_its_name_outside_views() -> None:
    assert house.comparisons() == []


def test_an_operation_is_named_by_its_table_and_the_steps_of_engines_alone() -> None:
    named = house.operation_names(
        ["llmri", "llmri_protocol", "llmri_client", "llmri_server", "llmri_look", house.VIEWER]
    )
    assert {file for file, _ in named} <= set(house.OPERATION_PLACES)


def test_a_name_of_an_operation_is_seen_where_it_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy.py").write_text(
        'if edit.op == "scale": pass\n'
        'Edit(op="mean")\n'
        'KINDS = {"add", "set"}\n'
        'STEPS = {"scale": 1, "add": 2}\n'
        'match edit.op:\n    case "steer": pass\n'
        'words = {"scale": ends}\nname = "mean"\n'
    )
    monkeypatch.setattr(house, "folder_of", lambda _: tmp_path)
    assert [line for _, line in house.operation_names(["toy"])] == [1, 2, 3, 4, 6]


def test_the_files_that_run_are_counted() -> None:
    assert house.files_run(lambda: house.knots({}), ["benchmarks"]) == ["benchmarks/house.py"]


def test_no_module_of_the_viewer_is_long() -> None:
    assert house.long_modules(house.VIEWER) == []


def arrows(*pairs: str) -> house.Arrows:
    """Return the imports written `a.b>c.d`."""
    found: dict[str, set[str]] = {}
    for here, there in (pair.split(">") for pair in pairs):
        found.setdefault(here, set()).add(there)
        found.setdefault(there, set())
    return {here: frozenset(there) for here, there in found.items()}


@pytest.mark.parametrize(
    ("imports", "knot"),
    [
        (("p.a.x>p.b.x", "p.b.y>p.a.y"), {"p.a", "p.b"}),
        (("p.a.x>p.b", "p.b>p.a.y"), {"p.a", "p.b"}),
        (("p.a.x>p.b.x", "p.b.y>p.c.x", "p.c.y>p.a.y"), {"p.a", "p.b", "p.c"}),
        (("p.a.m.x>p.a.n.x", "p.a.n.y>p.a.m.y"), {"p.a.m", "p.a.n"}),
    ],
)
def test_a_knot_is_found_in_any_folder(imports: tuple[str, ...], knot: set[str]) -> None:
    assert house.knots(arrows(*imports)) == [knot]
    assert house.knots(arrows(*imports[:-1])) == []


def test_an_arrow_up_is_found() -> None:
    up = ("llmri_viewer.model.x", "llmri_viewer.views.base")
    across = ("llmri_viewer.input.x", "llmri_viewer.drawing.x")
    down = ("llmri_viewer.app.x", "llmri_viewer.model.x")
    found = house.arrows_up(arrows(*(">".join(each) for each in (up, across, down))))
    assert sorted(found) == sorted([up, across])


def test_a_compared_name_of_a_view_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "views").mkdir()
    text = 'if state.view == "grid": pass\nx = {}[state.view]\nmatch state.view:\n    case "grid": pass\n'
    (tmp_path / "out.py").write_text(text)
    (tmp_path / "views" / "own.py").write_text(text)
    monkeypatch.setattr(house, "folder_of", lambda _package: tmp_path)
    assert [(each.file.name, each.line) for each in house.comparisons()] == [
        ("out.py", 1),
        ("out.py", 2),
        ("out.py", 4),
    ]
