"""Other programs' tools: MCP servers, started, asked and ended.

The SDK is imported when a server is started, and nowhere else.
"""
