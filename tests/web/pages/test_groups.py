"""Groups, side by side, and the replay inspector as pages: what they show, who may not see them, bad input."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.test import Client

from tests.web.builders import make_team
from tests.web.pages.factories import Engine, rich_run, titled_run
from webapp.accounts.models import Role, Team, User
from webapp.episodes import group_list
from webapp.episodes.models import Frame, Group
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

SHOWN = re.compile(r'<section class="panel" id="g-([^"]+)">')


def groups(client: Client, run: Run, query: str = "") -> list[str]:
    return SHOWN.findall(client.get(f"/runs/{run.pk}/groups/?{query}").content.decode())


def test_groups_are_narrowed_by_what_went_on_in_them(as_viewer: Client, rich: Run) -> None:
    assert groups(as_viewer, rich, "step=1") == ["a1-s1-g0", "a1-s1-g1"]
    assert groups(as_viewer, rich) == ["a1-s2-g0", "a1-s2-g1"]
    assert groups(as_viewer, rich, "kind=injected") == ["a1-s2-g0"]
    assert groups(as_viewer, rich, "kind=zero-gradient") == ["a1-s2-g1", "a1-s1-g1"]
    assert groups(as_viewer, rich, "kind=all-failed") == ["a1-s2-g1", "a1-s1-g1"]
    assert groups(as_viewer, rich, "kind=all-passed") == []
    assert groups(as_viewer, rich, "kind=teaching&step=1") == ["a1-s1-g0"]
    assert groups(as_viewer, rich, "task=settings") == ["a1-s2-g0", "a1-s1-g0"]
    Group.objects.filter(key="a1-s1-g0").update(faults=2)
    assert groups(as_viewer, rich, "kind=faults") == ["a1-s1-g0"]
    assert groups(as_viewer, rich, "kind=nonsense&step=-4&after=x") == ["a1-s2-g0", "a1-s2-g1"]
    assert "No group matches" in as_viewer.get(f"/runs/{rich.pk}/groups/?task=zebra").content.decode()


def test_an_empty_step_leads_to_the_nearest_ones(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/groups/?step=99").content.decode()
    assert "No groups at step 99" in page and 'The nearest with groups is <a href="?step=2">step 2</a>.' in unescape(
        page
    )


def test_every_group_is_on_exactly_one_page(as_viewer: Client, rich: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_list, "PAGE_SIZE", 1)
    for first, expected in (
        ("step=1", ["a1-s1-g0", "a1-s1-g1"]),
        ("task=e", ["a1-s2-g1", "a1-s2-g0", "a1-s1-g1", "a1-s1-g0"]),
    ):
        seen, query = [], first
        while query:
            page = as_viewer.get(f"/runs/{rich.pk}/groups/?{query}").content.decode()
            seen += SHOWN.findall(page)
            more = re.search(r'href="\?([^"]+)" rel="next">More', unescape(page))
            query = more[1] if more else ""
        assert seen == expected


def test_the_page_of_a_group_links_every_step_of_every_try(as_viewer: Client, rich: Run) -> None:
    page = unescape(as_viewer.get(f"/runs/{rich.pk}/groups/a1-s1-g0/").content.decode())
    for slot in range(4):
        assert f"/runs/{rich.pk}/episodes/a1-s1-g0-r{slot}/#step=8" in page
    assert "Switch the dark mode on in Settings" in page
    assert "solved <span" in page and "50.0 % (2/4)" in page and "15.0 – 85.0 %" in page
    assert f'href="/runs/{rich.pk}/groups/a1-s2-g0/?attempt=1"' in page  # the same task's next one
    assert page.count('<th scope="row">Step') == 8
    assert f"/runs/{rich.pk}/thumbs/" in page and "/frames/" not in page


def test_a_hopeless_group_has_a_banner_and_a_rescued_one_its_source(as_viewer: Client, rich: Run) -> None:
    failed = as_viewer.get(f"/runs/{rich.pk}/groups/a1-s1-g1/").content.decode()
    assert "Every try failed, so this group has zero gradient" in failed
    rescued = as_viewer.get(f"/runs/{rich.pk}/groups/a1-s2-g0/").content.decode()
    assert "replay rescued the group" in rescued
    assert f'<a href="/runs/{rich.pk}/episodes/a1-s1-g0-r1/">a success of step 1</a> (1 step old)' in rescued
    assert f'in place of <a href="/runs/{rich.pk}/episodes/a1-s2-g0-r0/">a failed try</a>' in rescued
    assert rescued.count(">before</span>") == 4 and rescued.count(">after</span>") == 4


def test_a_group_that_all_passed_says_so(as_viewer: Client, runner: User, team: Team) -> None:
    run = titled_run(runner, team)
    engine = Engine(run)
    engine.start()
    key = engine.group(1, 0, "settings-dark-mode", [1.0, 1.0])
    engine.deliver()
    page = as_viewer.get(f"/runs/{run.pk}/groups/{key}/").content.decode()
    assert "Every try passed, so this group has zero gradient" in page


def test_how_a_group_is_looked_at_is_in_the_address(as_viewer: Client, rich: Run) -> None:
    base = f"/runs/{rich.pk}/groups/a1-s1-g0/"
    page = unescape(as_viewer.get(f"{base}?align=divergence&reference=a1-s1-g0-r3").content.decode())
    assert 'aria-current="true">by first divergence' in page
    assert "?align=divergence&reference=a1-s1-g0-r1" in page  # compare with another one
    for hostile in ("align=<b>&reference=%27&rows=999999999999", "attempt=x&rows=-1", "reference=" + "a" * 4000):
        answer = as_viewer.get(f"{base}?{hostile}")
        assert answer.status_code == 200 and "<b>&" not in answer.content.decode()
    assert as_viewer.get(f"{base}?attempt=7").status_code == 404


def test_frames_that_were_thinned_leave_a_designed_gap(as_viewer: Client, rich: Run) -> None:
    Frame.objects.filter(run=rich).delete()
    page = as_viewer.get(f"/runs/{rich.pk}/groups/a1-s1-g0/").content.decode()
    assert page.count("not kept</span>") == 32 and "retention thinned this old episode" in page
    viewer = as_viewer.get(f"/runs/{rich.pk}/episodes/a1-s1-g0-r1/").content.decode()
    assert "Not kept any more" in viewer


def pair(one: Run, other: Run, keys: tuple[str, str] = ("a1-s1-g0-r1", "a1-s1-g0-r0")) -> str:
    return f"/side-by-side/?e={one.pk}/{keys[0]}&e={other.pk}/{keys[1]}"


def test_two_episodes_stand_side_by_side_and_say_where_they_part(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(pair(rich, rich)).content.decode()
    assert "Both did the same at every step" in page
    data = json.loads(page.split('id="pair-data" type="application/json">')[1].split("</script>")[0])
    assert [side["total"] for side in data["sides"]] == [8, 8] and data["parts"] is None
    assert data["sides"][0]["pages"] == f"/runs/{rich.pk}/episodes/a1-s1-g0-r1/steps.json"
    other = as_viewer.get(pair(rich, rich, ("a1-s1-g0-r1", "a1-s1-g1-r0"))).content.decode()
    assert "different tasks" in other


def test_two_of_different_runs_say_so(as_viewer: Client, rich: Run, runner: User, team: Team) -> None:
    other, _ = rich_run(runner, team, "Second")
    assert "different runs" in as_viewer.get(pair(rich, other)).content.decode()


def test_a_foreign_episode_beside_ones_own_is_not_there(
    as_viewer: Client, as_stranger: Client, rich: Run, viewer: User
) -> None:
    greens, chief = make_team("Greens")
    foreign, _ = rich_run(chief, greens)
    assert as_viewer.get(pair(rich, foreign)).status_code == 404
    assert as_stranger.get(pair(rich, rich)).status_code == 404
    assert as_viewer.get(f"/side-by-side/?e={rich.pk}/nobody&e={rich.pk}/a1-s1-g0-r0").status_code == 404
    greens.memberships.create(user=viewer, role=Role.VIEWER)
    assert as_viewer.get(pair(rich, foreign)).status_code == 200


@pytest.mark.parametrize(("query", "status"), [("", 200), ("?e=x", 422), ("?e=a&e=b&e=c", 422), ("?e=&e=", 404)])
def test_other_than_two_are_asked_to_be_chosen(as_viewer: Client, query: str, status: int) -> None:
    answer = as_viewer.get(f"/side-by-side/{query}")
    assert answer.status_code == status
    if status != 404:
        assert "Choose exactly two episodes" in answer.content.decode()


def test_the_inspector_shows_stock_hits_and_what_was_never_solved(as_viewer: Client, rich: Run) -> None:
    page = unescape(as_viewer.get(f"/runs/{rich.pk}/replay/").content.decode())
    assert "Tasks never solved (1)" in page
    assert "33.3 % (1/3)" in page  # hit rate: one of three hopeless groups
    assert f'class="row-link" href="/runs/{rich.pk}/episodes/a1-s1-g0-r1/"' in page
    assert f'href="/runs/{rich.pk}/groups/a1-s2-g0/?attempt=1"' in page
    assert page.count("data-chart-panel") == 6
    assert "No success matches" in as_viewer.get(f"/runs/{rich.pk}/replay/?task=zebra").content.decode()
    for hostile in ("after=x&state=nothing", "task=" + "a" * 5000, "task=%25%27"):
        assert as_viewer.get(f"/runs/{rich.pk}/replay/?{hostile}").status_code == 200


def test_every_figure_of_the_inspector_comes_as_json(as_viewer: Client, rich: Run) -> None:
    for name in ("stock", "traffic", "hits", "ages", "staleness", "versions"):
        answer = as_viewer.get(f"/runs/{rich.pk}/replay/figure.json?chart={name}&x=step&smooth=0.6").json()
        assert answer["step_word"] == {"ages": "age (training steps)", "versions": "updates of the weights"}.get(
            name, "step"
        )
        assert not answer["empty"] and answer["table"][0]["points"], name
    assert as_viewer.get(f"/runs/{rich.pk}/replay/figure.json?chart=nothing").status_code == 404


def test_an_evaluation_has_no_replay_and_a_fresh_run_says_what_will_come(
    as_viewer: Client, runner: User, team: Team
) -> None:
    measuring = titled_run(runner, team, kind="evaluate")
    assert as_viewer.get(f"/runs/{measuring.pk}/replay/").status_code == 404
    fresh = titled_run(runner, team)
    assert "Nothing was remembered yet" in as_viewer.get(f"/runs/{fresh.pk}/replay/").content.decode()
    assert "No groups yet" in as_viewer.get(f"/runs/{fresh.pk}/groups/").content.decode()


def test_strangers_see_none_of_it(as_stranger: Client, rich: Run) -> None:
    base = f"/runs/{rich.pk}"
    for part in (
        "groups/", "groups/a1-s1-g0/", "replay/", "replay/figure.json?chart=stock", "replay/panel/",
        "episodes/a1-s1-g0-r1/steps.json", "episodes/a1-s1-g0-r1/episode.zip",
    ):  # fmt: skip
        assert as_stranger.get(f"{base}/{part}").status_code == 404, part
        assert Client().get(f"{base}/{part}").status_code == 302, part


def test_no_address_with_a_nul_reaches_the_database(as_viewer: Client, rich: Run) -> None:
    base = f"/runs/{rich.pk}"
    for address in (
        "/runs/%00/", f"{base}/groups/%00/", f"{base}/groups/?task=%00", f"{base}/thumbs/%00",
        f"/side-by-side/?e={rich.pk}/%00&e=x", f"{base}/episodes/%00/steps.json", "/runs/?q=%00",
    ):  # fmt: skip
        answer = as_viewer.get(address)
        assert answer.status_code == 400 and "NUL" in answer.content.decode(), address


def test_a_point_on_another_axis_still_knows_its_step(as_viewer: Client, rich: Run) -> None:
    for x in ("relative", "episodes"):
        answer = as_viewer.get(f"/runs/{rich.pk}/figure.json?chart=reward&x={x}&smooth=0").json()
        assert answer["figure"]["data"][0]["customdata"] == [1, 2], x
    on_steps = as_viewer.get(f"/runs/{rich.pk}/figure.json?chart=reward&x=step&smooth=0").json()
    assert "customdata" not in on_steps["figure"]["data"][0]
