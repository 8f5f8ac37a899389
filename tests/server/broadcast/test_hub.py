from typing import Any

import numpy as np
import pytest

from llmri_protocol.messages import Bye, Notice, Phase, Scan, Subscribe
from llmri_server.broadcast.hub import Hub, Member, Subscription, SubscriptionError
from llmri_server.broadcast.outbox import Outbox, OutboxItem, OutboxLimits
from llmri_server.broadcast.shared_scans import SharedScan
from llmri_server.runtime import CapturePlan, ScanEvent
from tests.server.fakes import FakeRuntime


class Plans(list[CapturePlan]):
    @property
    def now(self) -> CapturePlan:
        return self[-1]


@pytest.fixture
def plans() -> Plans:
    return Plans()


@pytest.fixture
def hub(plans: Plans, runtime: FakeRuntime) -> Hub:
    return Hub(runtime.card, plans.append, prompt_positions=256, most=3)


def taken(outbox: Outbox) -> list[OutboxItem]:
    batch = outbox.take()
    assert batch is not None
    return batch.parcels


def join(hub: Hub, outbox: Outbox) -> Member:
    member = hub.join(outbox)
    assert member is not None
    return member


def box() -> Outbox:
    return Outbox(OutboxLimits())


def scan(number: int, phase: Phase = "generate", site: str = "resid_post") -> SharedScan:
    return SharedScan(1, 0.0, ScanEvent(number, phase, site, (0, 1, 2), "f32", np.zeros((3, 8), np.float32)))


def wish(*sites: str, layers: tuple[int, ...] = (0, 1, 2), **more: Any) -> Subscription:
    return Subscription(frozenset(sites), layers, **more)


def test_the_plan_is_the_union_of_all_wishes_and_shrinks_with_them(hub: Hub, plans: Plans) -> None:
    first, second = join(hub, box()), join(hub, box())
    assert plans.now == CapturePlan((), 0)
    hub.subscribe(first, wish("resid_post", layers=(2,), prompt=False))
    assert plans.now == CapturePlan((("resid_post", (2,)),), 0)
    hub.subscribe(second, wish("mlp_act", "resid_post", layers=(0, 2)))
    assert plans.now == CapturePlan((("mlp_act", (0, 2)), ("resid_post", (0, 2))), 256)
    hub.subscribe(second, wish("mlp_act", layers=(1,)))
    assert plans.now == CapturePlan((("mlp_act", (1,)), ("resid_post", (2,))), 256)
    hub.leave(second)
    assert plans.now == CapturePlan((("resid_post", (2,)),), 0)
    hub.leave(first)
    assert plans.now == CapturePlan((), 0)


def test_a_viewer_gets_the_scans_it_wants_and_no_others(hub: Hub) -> None:
    outbox = box()
    hub.subscribe(join(hub, outbox), wish("resid_post", every=2, prompt=False))
    for number in range(4):
        hub.scan(scan(number))
    hub.scan(scan(4, phase="prompt"))
    hub.scan(scan(6, site="mlp_act"))
    hub.tell(Notice(level="info", message="end"))
    numbers = [parcel.event.number for parcel in taken(outbox) if isinstance(parcel, SharedScan)]
    assert numbers == [0, 2]


def test_messages_go_to_everybody_who_is_in(hub: Hub) -> None:
    stays, leaves = box(), box()
    hub.join(stays)
    member = join(hub, leaves)
    hub.leave(member)
    hub.tell(Notice(level="info", message="hello"))
    leaves.finish()
    assert len(taken(stays)) == 1
    assert leaves.take() is None


def test_a_full_hub_lets_nobody_in_until_somebody_leaves(hub: Hub) -> None:
    members = [join(hub, box()) for _ in range(3)]
    assert hub.join(box()) is None
    hub.leave(members[0])
    assert hub.join(box()) is not None


def test_closing_says_goodbye_to_all_and_lets_nobody_in(hub: Hub) -> None:
    outbox = box()
    hub.join(outbox)
    hub.close("good night")
    assert taken(outbox) == [Bye(reason="good night")]
    assert hub.join(box()) is None


def test_the_first_messages_come_before_any_other(hub: Hub) -> None:
    outbox = box()
    hub.join(outbox, Notice(level="info", message="first"))
    hub.tell(Notice(level="info", message="second"))
    assert [message.message for message in taken(outbox) if isinstance(message, Notice)] == [
        "first",
        "second",
    ]


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"sites": ("nowhere",)}, "nowhere"), ({"sites": ("mlp_act",), "layers": (1, 3)}, "layer 3")],
)
def test_a_wish_that_can_not_be_met_is_refused_by_name(hub: Hub, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(SubscriptionError, match=named):
        hub.wish_of(Subscribe(id=1, **fields))


def test_a_wish_for_every_layer_and_repeated_layers(hub: Hub) -> None:
    assert hub.wish_of(Subscribe(id=1, sites=("mlp_act",))).layers == (0, 1, 2)
    assert hub.wish_of(Subscribe(id=1, sites=("mlp_act",), layers=(2, 0, 2))).layers == (0, 2)


def shaped(member: Member, value: float, site: str = "resid_post") -> list[Scan | Notice]:
    rows = np.full((3, 8), value, np.float32)
    return list(member.shaped(SharedScan(1, 0.0, ScanEvent(0, "generate", site, (0, 1, 2), "f32", rows))))


@pytest.mark.parametrize("stats", [False, True])
def test_statistics_come_to_who_asked_for_them(hub: Hub, stats: bool) -> None:
    member = join(hub, box())
    hub.subscribe(member, hub.wish_of(Subscribe(id=1, sites=("resid_post",), stats=stats)))
    (message,) = shaped(member, 2.0)
    assert isinstance(message, Scan)
    assert (message.stats is not None) is stats


def test_what_is_too_large_for_f16_is_said_once_of_each_site_to_who_asked_for_f16(hub: Hub) -> None:
    halved, whole = join(hub, box()), join(hub, box())
    hub.subscribe(halved, wish("resid_post", "mlp_act", dtype="f16"))
    hub.subscribe(whole, wish("resid_post", dtype="f32"))
    scan, notice = shaped(halved, 1e5)
    assert isinstance(scan, Scan)
    assert isinstance(notice, Notice)
    assert (scan.dtype, np.asarray(scan)[0, 0]) == ("f32", 1e5)
    assert "a value of `resid_post` is too large for f16" in notice.message
    again = [message for each in (1e5, 1.0) for message in shaped(halved, each)]
    assert [message.dtype for message in again if isinstance(message, Scan)] == ["f32", "f16"]
    assert len(shaped(halved, 1e5)) == 1
    assert len(shaped(halved, 1e5, "mlp_act")) == 2
    assert len(shaped(whole, 1e5)) == 1
