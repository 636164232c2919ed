"""How a try-out stands, told to the world with the newest screenshot. Pure translation; decides nothing."""

from __future__ import annotations

from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tryouts import TryoutChanged, TryoutState
from arpo_engine.rollout.guide import Course
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Observation


class StandingTeller:
    """Turns the state of a try-out into events. A screenshot goes with an event if it was not told before."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._shown: Observation | None = None
        self._screen: tuple[int, int] | None = None
        self.taken = 0
        """Highest number of a direction that was taken."""

    def starting(self, plan: Plan) -> None:
        """A desktop is made ready for an episode."""
        self._shown = None
        self.tell("starting", Course(plan))

    def tell(
        self,
        state: TryoutState,
        course: Course,
        *,
        idle_s_left: float | None = None,
        refused: str = "",
        note: str = "",
    ) -> None:
        """It stands so now."""
        frame = None
        if course.seen is not None and course.seen is not self._shown:
            height, width = course.seen.pixels.shape[:2]
            self._screen = (width, height)
            frame = self._sink.store_frame(course.seen.pixels)
            self._shown = course.seen
        self._sink.emit(
            TryoutChanged(
                state=state,
                taken=self.taken,
                episode_id=course.plan.episode_id,
                task_id=course.plan.task.id,
                step=course.told,
                instruction=course.plan.task.instruction,
                judged=course.plan.judged,
                idle_s_left=idle_s_left,
                refused=refused,
                note=note,
                screen=self._screen,
                frame=frame,
            )
        )
