"""Stacks: cause before effect, each language in its own manner, and an end to everything."""

from typing import Any

import pytest

from flask_sentry_mcp.render import stack


def frame(**given: Any) -> dict[str, Any]:
    return {"filename": "app/a.py", "function": "run", "lineNo": 7, "inApp": True} | given


def raised(*frames: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"type": "E", "value": "v", "stacktrace": {"frames": list(frames)}} | given


@pytest.mark.parametrize(
    ("given", "platform", "line"),
    [
        ({"filename": "a.py"}, "", '  File "a.py", line 7, in run'),
        ({"filename": "a.js", "colNo": 3}, "", "  a.js:7:3 (run)"),
        ({"filename": "a.tsx"}, "", "  a.tsx:7 (run)"),
        ({"filename": "A.java", "module": "x.A"}, "", "  at x.A.run (A.java:7)"),
        ({"filename": "A.kt", "lineNo": None}, "", "  at run (A.kt)"),
        ({"filename": "a.php"}, "", "  a.php(7): run()"),
        ({"filename": "a.rb"}, "", "  from a.rb:7:in run"),
        ({"filename": "a.go"}, "go", "  at run (a.go:7)"),
        ({"filename": None, "module": "m", "function": None}, "native", "  at <unknown> (m:7)"),
        ({"filename": "x", "platform": "node"}, "python", "  x:7 (run)"),
        ({"filename": "x"}, "python-flask", '  File "x", line 7, in run'),
    ],
)
def test_a_frame_is_written_in_the_manner_of_its_language(given: dict[str, Any], platform: str, line: str) -> None:
    text = stack.exceptions([raised(frame(**given))], platform)

    assert f"\n{line}\n" in text


def test_three_exceptions_are_told_from_the_cause_on() -> None:
    """Section 7.1."""
    text = stack.exceptions([raised(value=one) for one in ("first", "second", "third")], "python")

    assert [text.index(f"E: {one}") for one in ("first", "second", "third")] == sorted(
        text.index(f"E: {one}") for one in ("first", "second", "third")
    )
    assert "### Exception 1 of 3: the root cause" in text
    assert "### Exception 3 of 3: raised because of the one before" in text


def test_the_variables_are_those_of_the_root_cause() -> None:
    """Section 7.1: not those of whatever was raised last."""
    cause = raised(frame(vars={"voucher": "x" * 100}))
    effect = raised(frame(vars={"total": "-25"}))

    text = stack.exceptions([cause, effect], "python")

    assert f"  voucher = {'x' * 80}...\n" in text
    assert "total = " not in text


def test_values_are_written_as_they_were_sent() -> None:
    """Nothing of the language that this server is written in shows through."""
    text = stack.exceptions([raised(frame(vars={"cart": {"voucher": None, "paid": True}}))], "javascript")

    assert '  cart = {"voucher":null,"paid":true}\n' in text


def test_the_telling_frame_is_the_last_own_one() -> None:
    own = frame(function="mine", context=[[6, "before"], [7, "here"], [8, "after"], [99, "far"]])
    library = frame(function="theirs", inApp=False, context=[[7, "lib"]])

    text = stack.exceptions([raised(own, library)], "python")

    assert 'At File "app/a.py", line 7, in mine\n   6 | before\n-> 7 | here\n   8 | after\n' in text
    assert "99 | far" not in text
    assert "in theirs  [library]\n    lib" in text


def test_a_very_long_stack_keeps_its_ends() -> None:
    """Section 7.4."""
    text = stack.exceptions([raised(*(frame(function=f"f{n}") for n in range(500)))], "python")

    assert "in f0\n" in text
    assert "in f499\n" in text
    assert "(460 frames left out here)" in text
    assert text.endswith("</untrusted>\n(460 of 500 frames are left out.)")


def test_frames_without_room_are_left_out_of_the_middle() -> None:
    """Section 7.4: the fence would cut the end, where the crash point is."""
    frames = [frame(function=f"f{n}", context=[[7, "x" * 5_000]]) for n in range(40)]

    text = stack.exceptions([raised(value="cause"), raised(*frames)], "python", more="There is more.")

    assert "in f0\n" in text
    assert "in f39\n" in text
    assert text.endswith(" of 40 frames are left out. There is more.)")
    assert len(text) < 4_000


def test_a_whole_stack_is_cut_only_for_room() -> None:
    usual = [raised(*(frame(function=f"f{n}") for n in range(200)))]
    huge = [raised(*(frame(function=f"f{n}", context=[[7, "x" * 200]]) for n in range(500)))]

    assert "left out" not in stack.exceptions(usual, "python", whole=True)
    told = stack.exceptions(huge, "python", whole=True)
    assert "in f499\n" in told
    assert " of 500 frames are left out.)" in told
    assert 20_000 < len(told) < 25_000


def test_however_long_the_message_is_the_crash_point_is_shown() -> None:
    variables = {f"name_{n}": "x" * 200 for n in range(100)}
    crash = frame(function="crash", vars=variables, context=[[n, "y" * 3_000] for n in range(4, 11)])

    text = stack.exceptions([raised(*([frame()] * 60), crash, value="v" * 20_000)], "python")

    assert "in crash\n    yyy" in text
    assert text.endswith("frames are left out.)")
    assert len(text) < 16_000


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        [None],
        [{}],
        [{"stacktrace": None}],
        [{"stacktrace": {"frames": [None, {}]}}],
        "x",
        [raised(frame(context=[[1], None, ["a", "b"]], vars=[]))],
    ],
)
def test_whatever_is_malformed_is_left_out(values: Any) -> None:
    assert isinstance(stack.exceptions(values, "python"), str)


def test_frames_that_were_not_sent_are_told() -> None:
    one = raised(frame())
    one["stacktrace"]["framesOmitted"] = [10, 40]

    assert "(frames 10 to 40 were not sent)" in stack.exceptions([one], "python")


def test_an_exception_without_frames_says_so() -> None:
    assert "(no stack was sent with it)" in stack.exceptions([{"type": "E", "value": None}], "python")


def test_a_very_long_chain_keeps_its_ends() -> None:
    """Section 7.4: the section stays small enough to be shown."""
    text = stack.exceptions(
        [raised(*[frame(context=[[7, "x" * 300]])] * 40, value=f"v{n}") for n in range(60)], "python"
    )

    assert "E: v0\n" in text
    assert "(54 exceptions left out here)" in text
    assert "E: v59\n" in text
    assert len(text) < 30_000
