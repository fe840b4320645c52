"""The agent as an MCP server: the tools ``codex`` and ``codex-reply``.

Source of the contract: ``codex mcp-server`` of the Codex CLI 0.148, the last generation
of it. The official SDK (``mcp``) speaks the protocol; it is imported in ``server``,
``asking``, ``lines``, ``listening``, ``door``, ``stdio`` and ``http`` only.
"""
