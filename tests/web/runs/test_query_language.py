"""The query language by itself: what is read how, and what is refused where and with which way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.runs.history import values
from webapp.runs.history.language import MAX_LENGTH, Piece, QueryError, Term, parse, quoted

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def told(term: Term) -> tuple[bool, str | None, str, list[str]]:
    return term.negated, term.field.text if term.field else None, term.operator, [piece.text for piece in term.values]


def read(text: str) -> list[tuple[bool, str | None, str, list[str]]]:
    return [told(term) for term in parse(text).terms]


def refusal(text: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text)
    return caught.value


def piece(text: str) -> Piece:
    return Piece(text, 0, len(text))


def test_terms_stand_side_by_side() -> None:
    text = 'status:running owner:anna learner.lr>1e-6 metric.validation/x>=0.5 -tag:old created>7d "free words" pocket'
    assert read(text) == [
        (False, "status", ":", ["running"]),
        (False, "owner", ":", ["anna"]),
        (False, "learner.lr", ">", ["1e-6"]),
        (False, "metric.validation/x", ">=", ["0.5"]),
        (True, "tag", ":", ["old"]),
        (False, "created", ">", ["7d"]),
        (False, None, ":", ["free words"]),
        (False, None, ":", ["pocket"]),
    ]


def test_either_value_will_do_after_a_comma_and_quotes_keep_what_parts_words() -> None:
    assert read('status:failed,lost tag:"to do","a, b"') == [
        (False, "status", ":", ["failed", "lost"]),
        (False, "tag", ":", ["to do", "a, b"]),
    ]
    assert read('"metric.loss (ema)"<=0.1') == [(False, "metric.loss (ema)", "<=", ["0.1"])]


def test_a_value_may_hold_operators_and_an_operator_may_follow_a_colon() -> None:
    assert read("model.path:a/b=c created:>7d step!=3") == [
        (False, "model.path", ":", ["a/b=c"]),
        (False, "created", ">", ["7d"]),
        (False, "step", "!=", ["3"]),
    ]


def test_a_dash_by_itself_is_a_word() -> None:
    assert read("a - b") == [(False, None, ":", ["a"]), (False, None, ":", ["-"]), (False, None, ":", ["b"])]
    assert parse("   ").terms == ()


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('name:"open', (5, 10), "not closed"),
        ("status:", (0, 7), "no value after"),
        ("status: running", (0, 7), "no value after"),
        ("a status:x,", (9, 11), "no value after"),
        (":running", (0, 1), "nothing before"),
        ('"":3', (0, 2), "no field in these quotes"),
        ("a\x00b", (1, 2), "NUL"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, where: tuple[int, int], words: str) -> None:
    error = refusal(text)
    assert (error.start, error.end) == where
    assert words in error.message


def test_a_way_out_is_a_query_that_can_be_read() -> None:
    error = refusal('tag:a "open words')
    mended = error.mended('tag:a "open words')
    assert mended == 'tag:a "open words"'
    assert read(mended)[1][3] == ["open words"]
    long = "x" * (MAX_LENGTH + 5)
    assert parse(refusal(long).mended(long) or "").terms
    many = " ".join(f"w{number}" for number in range(41))
    assert len(parse(refusal(many).mended(many) or "").terms) == 40


def test_a_term_is_taken_out_of_the_text_as_it_was_typed() -> None:
    query = parse("status:running   tag:a  pocket")
    assert query.written(query.terms[1]) == "tag:a"
    assert query.without(query.terms[1]) == "status:running pocket"
    assert query.without(query.terms[0]) == "tag:a  pocket"


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser_and_places_lie_in_it(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as error:
        assert 0 <= error.start <= error.end <= len(text)
    else:
        assert all(query.text[term.start : term.end] for term in query.terms)


@given(st.text(st.characters(exclude_characters='"\x00', exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_a_quoted_value_is_read_back_as_it_was(value: str) -> None:
    assert read(f"tag:{quoted(value)}")[0][3] == [value]


def test_lengths_of_time_and_moments() -> None:
    assert values.span(piece("1h30m")) == 5400
    assert values.span(piece("2d")) == 172_800
    assert values.moment(piece("7d"), NOW).low == NOW - timedelta(days=7)
    day = values.moment(piece("2026-11-01"), NOW)
    assert (day.low, day.high, day.closed) == (
        datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), False,
    )  # fmt: skip
    assert values.moment(piece("yesterday"), NOW).low == datetime(2026, 11, 22, tzinfo=UTC)
    assert values.moment(piece("2026-11-01t12:30"), NOW).low == datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "9999-12-31", "7x", "7", "", "99999999999999999999d"])
def test_what_is_no_moment_is_refused_or_bounded(text: str) -> None:
    if text.endswith("d"):
        assert values.moment(piece(text), NOW).low < NOW
        return
    with pytest.raises(QueryError):
        values.moment(piece(text), NOW)


def test_shares_and_numbers() -> None:
    assert values.share(piece("50%")) == 0.5
    assert values.number(piece("1e-6")) == 1e-6
    with pytest.raises(QueryError) as caught:
        values.share(piece("50"))
    assert caught.value.suggestion == "50%"
    for text in ("nan", "inf", "many", "1e999"):
        with pytest.raises(QueryError):
            values.number(piece(text))
