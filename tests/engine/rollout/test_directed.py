"""An episode that a person directs does as they say, says how it stands, and outlives what ends an agent's turns."""

from __future__ import annotations

import asyncio
import time

import pytest

from arpo_engine.contract.actions import Click, Fail, Finished, Several, TypeText
from arpo_engine.contract.errors import ContextFull, DesktopLost, GeneratorLost
from arpo_engine.contract.events import EpisodeStarted
from arpo_engine.contract.outcomes import EndedBy, Fault
from arpo_engine.contract.tryouts import Act, Finish, Go, Hold, Instruct, OneStep, Restart
from arpo_engine.desktops.host import Act as Ask
from tests.engine.rollout.tryouts import Tryout, play


async def nothing(tryout: Tryout) -> None:
    return None


def test_it_holds_until_somebody_says_go_and_the_agent_then_takes_all_its_turns() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: tryout.now.state == "holding")
        assert tryout.generator.asked == 0
        tryout.say(Go)
        await tryout.until(lambda: tryout.now.state == "over")
        tryout.say(Finish)

    tryout, trajectory, parting = play(script, "click", "finish")
    assert (trajectory.score, trajectory.ended_by, parting.kind) == (1.0, EndedBy.FINISHED, "finished")
    states = [event.state for event in tryout.told]
    assert states[:7] == ["starting", "holding", "thinking", "acting", "thinking", "acting", "scoring"]
    assert next(event.note for event in tryout.told if event.state == "over") == "the agent said that it is done"


def test_one_that_goes_by_itself_waits_for_nobody() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: tryout.now.state == "over")
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "click", "finish", goes=True)
    assert "holding" not in [event.state for event in tryout.told]
    assert trajectory.score == 1.0


def test_a_step_is_one_reply_and_then_it_holds() -> None:
    async def script(tryout: Tryout) -> None:
        for count in (1, 2):
            tryout.say(OneStep)
            await tryout.until_taken()
            await tryout.until(lambda count=count: len(tryout.steps) == count and tryout.now.state == "holding")
            assert tryout.generator.asked == count
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "click", "click", "click")
    assert (len(trajectory.steps), tryout.ended[0].steps, trajectory.score) == (2, 2, 0.0)


def test_a_person_acts_and_the_screen_is_told_while_it_holds() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: tryout.now.state == "holding")
        tryout.say(Act, action=Click(x=3, y=3))
        await tryout.until_taken()
        tryout.say(Finish)

    tryout, trajectory, parting = play(script)
    (step,) = tryout.steps
    assert (step.by, step.action, step.raw_text, step.tokens) == ("anna", Click(x=3, y=3), "", 0)
    assert (trajectory.score, trajectory.steps, tryout.ended[0].steps) == (1.0, (), 1)
    frames = [event.frame.sha256 for event in tryout.told if event.frame is not None]
    assert len(frames) == len(set(frames)) == 2  # as it began, and after the click
    assert step.frame is not None and step.frame.sha256 == frames[0]
    assert parting.by == "anna"


def test_what_a_person_did_is_no_turn_of_the_agent_but_it_sees_the_screen_after_it() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.say(OneStep)
        await tryout.until(lambda: len(tryout.steps) == 1)
        tryout.say(Act, action=Click(x=3, y=3))
        await tryout.until(lambda: len(tryout.steps) == 2)
        tryout.say(OneStep)
        await tryout.until(lambda: tryout.now.state == "over")
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "click", "finish")
    assert [step.index for step in tryout.steps] == [0, 1, 2]
    assert [step.by for step in tryout.steps] == ["", "anna", ""]
    assert [step.prompt_ids for step in trajectory.steps] == [(1, 1, 1), (2, 2)]  # its second turn goes on as usual
    assert int(tryout.generator.prompts[1].pixels[0, 0, 0]) == 20  # two clicks


def test_places_off_the_screen_are_its_nearest_pixels() -> None:
    asked: list[object] = []

    async def script(tryout: Tryout) -> None:
        tryout.desktops.trouble = lambda index, request: asked.append(request)
        tryout.say(Act, action=Several(actions=(Click(x=-50, y=99_999), Click(x=99_999, y=-1))))
        await tryout.until(lambda: len(tryout.steps) == 1)
        tryout.say(Finish)

    play(script)
    assert [request.action for request in asked if isinstance(request, Ask)] == [Click(x=0, y=27), Click(x=27, y=0)]


@pytest.mark.parametrize(("action", "ended"), [(Fail(), EndedBy.FAILED_BY_AGENT), (Finished(), EndedBy.FINISHED)])
def test_a_person_may_say_that_it_is_done_or_cannot_be(action: Fail | Finished, ended: EndedBy) -> None:
    async def script(tryout: Tryout) -> None:
        tryout.say(Act, action=action)
        await tryout.until(lambda: tryout.now.state == "over")
        tryout.say(Finish)

    _, trajectory, _ = play(script)
    assert (trajectory.ended_by, trajectory.score) == (ended, 0.0)


@pytest.mark.parametrize("said", [Hold, Act])
def test_a_reply_under_way_is_dropped_when_somebody_takes_over(said: type) -> None:
    async def script(tryout: Tryout) -> None:
        tryout.generator.may_answer.clear()
        tryout.say(Go)
        await tryout.until(lambda: tryout.generator.asked == 1)
        tryout.say(said, **({"action": TypeText(text="hi")} if said is Act else {}))
        await tryout.until_taken()
        assert tryout.generator.dropped == 1
        tryout.generator.may_answer.set()
        tryout.say(OneStep)
        await tryout.until(lambda: any(not step.by for step in tryout.steps))
        tryout.say(Finish)

    _, trajectory, _ = play(script, "click")
    assert len(trajectory.steps) == 1
    assert trajectory.steps[0].prompt_ids == (1, 1, 1)  # as if nobody had been asked before


def test_more_turns_are_asked_for_while_it_thinks_and_nothing_is_dropped() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.generator.may_answer.clear()
        tryout.say(OneStep)
        await tryout.until(lambda: tryout.generator.asked == 1)
        tryout.say(Go)
        await tryout.until(lambda: tryout.now.taken == 2)
        tryout.generator.may_answer.set()
        await tryout.until(lambda: tryout.now.state == "over")
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "click", "finish")
    assert (tryout.generator.dropped, len(trajectory.steps)) == (0, 2)


def test_another_instruction_begins_another_context_and_leaves_nothing_to_judge() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.say(OneStep)
        await tryout.until(lambda: len(tryout.steps) == 1)
        tryout.say(Instruct, text="now do this")
        await tryout.until_taken()
        assert (tryout.now.instruction, tryout.now.judged) == ("now do this", False)
        tryout.say(OneStep)
        await tryout.until(lambda: len(tryout.steps) == 2)
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "click", "click")
    assert [step.prompt_ids for step in trajectory.steps] == [(1, 1, 1), (1, 1, 1)]
    assert tryout.generator.prompts[1].words.user == "now do this"
    assert tryout.generator.released[0] == "e1"
    assert (trajectory.score, trajectory.reward, trajectory.fault) == (None, None, None)
    assert "nothing to judge it by" in trajectory.note
    assert "scoring" not in [event.state for event in tryout.told]


def test_the_same_number_is_carried_out_once_however_often_the_console_repeats_it() -> None:
    click = Act(number=4, by="anna", action=Click(x=3, y=3))

    async def script(tryout: Tryout) -> None:
        tryout.order(click)
        await tryout.until_taken(4)
        tryout.order(Act(number=3, by="ben", action=Click(x=3, y=3)), click, Finish(number=5, by="anna"))

    tryout, trajectory, parting = play(script, console=True)
    assert [step.by for step in tryout.steps] == ["anna"]
    assert (trajectory.score, parting.by, tryout.now.taken) == (1.0, "anna", 5)


def test_directions_of_a_console_are_taken_in_their_order() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.order(Finish(number=3), Act(number=2, by="b", action=Click(x=1, y=1)), Hold(number=1))

    tryout, trajectory, _ = play(script, console=True)
    assert (len(tryout.steps), trajectory.score) == (1, 1.0)


def test_out_of_steps_it_holds_and_says_so_and_a_person_goes_on() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: tryout.now.state == "holding")
        assert "tryout.max_steps" in tryout.now.note
        tryout.say(Go)
        await tryout.until_taken()
        assert "finish, or restart" in tryout.now.refused
        tryout.say(Act, action=Click(x=1, y=1))
        await tryout.until_taken()
        assert tryout.now.refused == ""
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "click", max_steps=1, goes=True)
    assert [step.by for step in tryout.steps] == ["", "anna"]
    assert trajectory.ended_by is EndedBy.FINISHED


def test_another_instruction_gives_the_agent_its_steps_again() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: "tryout.max_steps" in tryout.now.note)
        tryout.say(Instruct, text="and now this")
        tryout.say(OneStep)
        await tryout.until(lambda: len(tryout.steps) == 2)
        tryout.say(Finish)

    _, trajectory, _ = play(script, "click", "click", max_steps=1, goes=True)
    assert len(trajectory.steps) == 2


def test_an_unreadable_reply_does_nothing_and_another_one_may_be_asked_for() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: tryout.now.state == "holding")
        assert "could not be read" in tryout.now.note
        tryout.say(OneStep)
        await tryout.until(lambda: len(tryout.steps) == 2)
        tryout.say(Finish)

    tryout, trajectory, _ = play(script, "mumble", "click", goes=True)
    assert tryout.steps[0].problem
    assert (trajectory.score, trajectory.format_reward) == (1.0, -1.0)


def test_a_full_context_is_told_and_another_instruction_begins_one_with_room() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.generator.error = ContextFull("4096 tokens")
        tryout.say(Go)
        await tryout.until(lambda: "context is full" in tryout.now.note)
        tryout.say(OneStep)
        await tryout.until(lambda: "context is full" in tryout.now.refused)
        tryout.generator.error = None
        tryout.say(Instruct, text="shorter")
        tryout.say(OneStep)
        await tryout.until(lambda: len(tryout.steps) == 1)
        tryout.say(Finish)

    _, trajectory, _ = play(script, "click")
    assert len(trajectory.steps) == 1


def test_nobody_directs_it_for_so_long_and_it_ends_by_itself_without_a_score() -> None:
    tryout, trajectory, parting = play(nothing, idle_s=0.1)
    assert (trajectory.ended_by, trajectory.score, parting.kind) == (EndedBy.CANCELLED, None, "idle")
    assert "tryout.idle_s = 0.1 s" in trajectory.note
    held = next(event for event in tryout.told if event.state == "holding")
    assert held.idle_s_left == pytest.approx(0.1, abs=0.05)


def test_the_agent_is_not_silence() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.generator.may_answer.clear()
        tryout.say(Go)
        await tryout.until(lambda: tryout.generator.asked == 1)
        begun = time.monotonic()
        await tryout.until(lambda: time.monotonic() - begun > 0.3)  # longer than idle_s
        assert (tryout.now.state, tryout.now.idle_s_left) == ("thinking", None)
        tryout.generator.may_answer.set()

    _, trajectory, parting = play(script, "finish", idle_s=0.2)
    assert (trajectory.ended_by, parting.kind) == (EndedBy.FINISHED, "idle")


@pytest.mark.parametrize("thinks", [False, True])
def test_a_stop_ends_it_whatever_it_is_at(thinks: bool) -> None:
    async def script(tryout: Tryout) -> None:
        if thinks:
            tryout.generator.may_answer.clear()
            tryout.say(Go)
            await tryout.until(lambda: tryout.generator.asked == 1)
        tryout.halted = True

    tryout, trajectory, parting = play(script, "click")
    assert (trajectory.ended_by, trajectory.score, parting.kind) == (EndedBy.CANCELLED, None, "stopped")
    assert tryout.generator.dropped == int(thinks)


def test_a_stop_is_heard_while_a_desktop_is_still_being_made_ready() -> None:
    async def main() -> Tryout:
        tryout, never = Tryout(), asyncio.Event()
        tryout.desktops.wait = lambda index, request: never
        course = asyncio.ensure_future(tryout.guide.through(tryout.plan, tryout.runner.run))
        await tryout.until(lambda: any(isinstance(event, EpisodeStarted) for event in tryout.sink.events))
        tryout.halted = True
        with pytest.raises(asyncio.CancelledError):
            await course
        await tryout.pool.close()
        return tryout

    tryout = asyncio.run(main())
    assert [event.ended_by for event in tryout.ended] == [EndedBy.CANCELLED]
    assert {event.state for event in tryout.told} == {"starting"}


def test_a_restart_ends_the_episode_without_a_score_and_says_what_comes() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.say(Restart, task="t9")
        await tryout.until_taken()
        assert tryout.now.refused.startswith("there is no task 't9'")
        tryout.say(Restart, task="t2", instruction="")

    _, trajectory, parting = play(script)
    assert (trajectory.ended_by, trajectory.score, trajectory.note) == (EndedBy.CANCELLED, None, "begun anew by anna")
    assert (parting.kind, parting.task_id, parting.instruction) == ("again", "t2", "")


@pytest.mark.parametrize(("task", "follows"), [("", "do that"), ("t1", "do that"), ("t2", "")])
def test_a_restart_keeps_the_last_words_for_the_same_task_and_not_for_another(task: str, follows: str) -> None:
    async def script(tryout: Tryout) -> None:
        tryout.say(Instruct, text="do this")
        tryout.say(Instruct, text="do that")
        tryout.say(Restart, task=task)

    _, _, parting = play(script)
    assert parting.instruction == follows


def test_when_it_is_over_only_another_beginning_or_the_end_is_heard() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.say(Go)
        await tryout.until(lambda: tryout.now.state == "over")
        tryout.say(Act, action=Click(x=1, y=1))
        await tryout.until(lambda: tryout.now.refused)
        assert "restart begins another one" in tryout.now.refused
        tryout.say(Restart, task="t9")
        await tryout.until(lambda: "'t9'" in tryout.now.refused)
        tryout.say(Restart)

    tryout, _, parting = play(script, "finish")
    assert (parting.kind, len(tryout.steps), tryout.desktops.clicks) == ("again", 1, {0: 0})


def test_a_desktop_that_is_lost_while_it_holds_is_noticed_and_named() -> None:
    async def script(tryout: Tryout) -> None:
        await tryout.until(lambda: tryout.now.state == "holding")

        def gone(index: int, request: object) -> None:
            raise DesktopLost("its machine is gone")

        tryout.desktops.trouble = gone
        await tryout.until(lambda: tryout.now.state == "over")
        assert "its machine is gone" in tryout.now.note
        tryout.say(Restart)

    _, trajectory, parting = play(script)
    assert (trajectory.fault, trajectory.score, parting.kind) == (Fault.DESKTOP_LOST, None, "again")


def test_a_generator_that_is_lost_ends_the_episode_and_not_the_try_out() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.generator.error = GeneratorLost("the server is away")
        tryout.say(Go)
        await tryout.until(lambda: tryout.now.state == "over")
        assert "the server is away" in tryout.now.note
        tryout.say(Finish)

    _, trajectory, parting = play(script)
    assert (trajectory.fault, parting.kind) == (Fault.GENERATOR_LOST, "finished")


def test_a_model_that_raises_something_unknown_is_not_hidden() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.generator.error = RuntimeError("CUDA says no")
        tryout.say(Go)

    with pytest.raises(RuntimeError, match="CUDA says no"):
        play(script)


def test_the_lines_of_a_script_wait_for_each_other_and_its_end_is_the_end() -> None:
    async def script(tryout: Tryout) -> None:
        tryout.spoken.patient = True
        tryout.say(OneStep)
        tryout.say(Act, action=TypeText(text="hi"))
        tryout.say(OneStep)
        tryout.spoken.end()

    tryout, trajectory, parting = play(script, "click", "click")
    assert [step.by for step in tryout.steps] == ["", "anna", ""]
    assert (tryout.generator.dropped, trajectory.score, parting.kind) == (0, 0.0, "finished")
