"""Conversations on disk: written as they go, found, read back."""
