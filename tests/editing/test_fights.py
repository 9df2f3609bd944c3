"""Units that pull against each other get a word, whichever side and moment it is."""

from __future__ import annotations

from dftnet.editing.fights import fights, fights_over_time
from dftnet.editing.plan import EditPlan
from dftnet.editing.request import Request

LIDS = "AU05 (upper lid raiser) and AU45 (blink) work against each other"


def test_both_sides_or_one() -> None:
    assert fights(Request(set={"AU05": 1, "AU45": 0.8})) == [LIDS]
    assert fights(Request(set={"AU05": 1, "AU45": 0.1})) == []
    assert fights(Request(set={"AU05L": 1, "AU45": 0.8})) == [f"{LIDS} on the person's left"]
    assert fights(Request(set={"AU05L": 1, "AU45R": 0.8})) == []
    assert fights(Request(set={"AU12": 1}, add={"AU15R": 0.3})) == [
        "AU12 (lip corner puller) and AU15 (lip corner depressor) work against each other on the person's right"
    ]


def test_at_each_keyframe_and_of_each_face() -> None:
    plan = EditPlan.parse(au=["AU05=1", "AU45=0@0s,1@1s", "1:AU12=1", "1:AU15=1"])
    assert fights_over_time(plan.timelines) == [
        LIDS,
        "AU12 (lip corner puller) and AU15 (lip corner depressor) work against each other",
    ]
    assert fights_over_time(EditPlan.parse(au=["AU05=1@0s,0@1s", "AU45=0@0s,1@1s"]).timelines) == []
