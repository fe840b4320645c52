"""Chunks of Chat Completions as hypothesis makes them up."""

from hypothesis import strategies as st

from chat_streams import LS, call, delta

CALL = '{"name": "exec_command", "arguments": {"cmd": "ls"}}'
SPOKEN = [
    *("a", " ", "\n", "<", "/", ">", "{", "}", "é", "😀", "`", "["),
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]"),
    *(CALL, "```json\n", "\n```"),
]
spoken = st.lists(st.sampled_from(SPOKEN), max_size=12).map("".join)
call_pieces = st.builds(
    call,
    st.sampled_from([None, "", LS, {"cmd": "ls"}, "{}"]),
    name=st.sampled_from(
        [None, "exec_command", "echo", "apply_patch", "tool_search", "ls", "nobody"]
    ),
    index=st.sampled_from([None, 0, 1]),
    id=st.sampled_from([None, "", "c1", "c2"]),
)
any_chunk = st.one_of(
    st.builds(delta, content=spoken),
    st.builds(delta, reasoning_content=spoken),
    st.builds(delta, refusal=spoken),
    st.builds(delta, reasoning=spoken, content=spoken),
    call_pieces,
    st.just({"choices": [], "prompt_progress": {"total": 2, "processed": 1}}),
    st.just({"choices": [], "usage": {"prompt_tokens": 1}}),
    st.just({"error": {"message": "it broke"}}),
)
any_chunks = st.lists(any_chunk, max_size=12)
reasons = st.sampled_from([None, "stop", "tool_calls", "length", "abort"])
