"""strict_json: what is read, what is refused, and that nothing else ever comes out (JSON-1)."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sentry_mcp.errors import BadJSON
from flask_sentry_mcp.security.strict_json import loads
from tests.mutations import nearly

NOT_JSON = BadJSON.public
REFUSED = {
    "empty": (b"", NOT_JSON),
    "blank": (b"  ", NOT_JSON),
    "two values": (b"{} {}", NOT_JSON),
    "trailing comma": (b'{"a": 1,}', NOT_JSON),
    "single quotes": (b"{'a': 1}", NOT_JSON),
    "byte order mark": (b"\xef\xbb\xbf{}", NOT_JSON),
    "control character in a string": (b'"a\nb"', NOT_JSON),
    "NaN": (b'{"a": NaN}', NOT_JSON),
    "Infinity": (b"[Infinity]", NOT_JSON),
    "-Infinity": (b"[-Infinity]", NOT_JSON),
    "overflow": (b"[1e999]", NOT_JSON),
    "negative overflow": (b"[-1e999]", NOT_JSON),
    "huge integer": (b"1" * 4301, NOT_JSON),
    "Latin-1": (b'"\xe9"', "The body is not UTF-8."),
    "overlong UTF-8": (b'"\xc0\xaf"', "The body is not UTF-8."),
    "UTF-16": ("{}".encode("utf-16"), "The body is not UTF-8."),
    "raw surrogate": (b'"\xed\xa0\x80"', "The body is not UTF-8."),
    "duplicate": (b'{"a": 1, "a": 2}', "The body names a member of an object twice."),
    "duplicate by escape": (b'{"a": 1, "\\u0061": 2}', "The body names a member of an object twice."),
    "duplicate below": (b'[{"b": {"a": 1, "a": 1}}]', "The body names a member of an object twice."),
    "high surrogate": (b'"\\ud800"', "The body holds half of a surrogate pair."),
    "low surrogate as name": (b'{"\\uDC00": 1}', "The body holds half of a surrogate pair."),
    "nesting": (b"[" * 65 + b"]" * 65, "The body is nested too deep."),
    "nesting never closed": (b"[" * 100_000, "The body is nested too deep."),
    "mixed nesting": (b'{"a":[' * 33 + b"]}" * 33, "The body is nested too deep."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_two_readers_could_take_differently_is_refused(case: str) -> None:
    """JSON-1, each with the sentence that says which rule was broken."""
    body, sentence = REFUSED[case]

    with pytest.raises(BadJSON) as caught:
        loads(body)

    assert (caught.value.public, caught.value.http_status) == (sentence, 400)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": [1, -2.5, 1e3, true, null, "\xc3\xa9"]} ', {"a": [1, -2.5, 1000.0, True, None, "é"]}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
        (b"1" * 4300, int("1" * 4300)),
        (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\""]', ["[" * 75 + '"']),
    ],
)
def test_proper_json_is_read_as_it_is(body: bytes, value: object) -> None:
    assert loads(body) == value


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
BODIES = nearly(VALUES.map(json.dumps), st.text('{}[]",:019eE+-.\\ud8 \t\n\u00e9\ud800', max_size=3)).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def test_any_bytes_are_a_value_or_a_refusal() -> None:
    """JSON-1: what is read is what another reader finds."""
    outcomes: Counter[bool] = Counter()

    @given(BODIES | st.binary(max_size=400))
    def judge(body: bytes) -> None:
        try:
            value = loads(body)
        except BadJSON:
            outcomes[False] += 1
            return
        outcomes[True] += 1
        assert json.loads(body) == value

    judge()

    assert min(outcomes[True], outcomes[False]) >= 20


@given(VALUES)
def test_what_json_can_say_arrives_unchanged(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value
