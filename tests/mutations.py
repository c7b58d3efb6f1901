"""Texts that are nearly right: chance alone hardly ever writes one that is accepted, or refused for one reason only."""

from hypothesis import strategies as st


@st.composite
def nearly(draw: st.DrawFn, right: st.SearchStrategy[str], pieces: st.SearchStrategy[str]) -> str:
    """One of *right*, with up to two of *pieces* put in or put in the place of something."""
    text = draw(right)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(pieces) + text[at + draw(st.integers(0, 2)) :]
    return text
