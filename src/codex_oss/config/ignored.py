"""Keys of the Codex CLI that this program takes without a word and does not follow."""

IGNORED: frozenset[str] = frozenset(
    {
        "agents",
        "analytics",
        "approvals_reviewer",
        "chatgpt_base_url",
        "check_for_update_on_startup",
        "cli_auth_credentials_store",
        "disable_paste_burst",
        "feedback",
        "hooks",
        "include_apps_instructions",
        "include_collaboration_mode_instructions",
        "log_dir",
        "marketplaces",
        "mcp_oauth_callback_url",
        "mcp_oauth_credentials_store",
        "mcp_optional_startup_grace_ms",
        "memories",
        "model_auto_compact_token_limit_scope",
        "model_catalog_json",
        "model_post_turn_compact_threshold_percent",
        "notice",
        "otel",
        "personality",
        "plan_mode_reasoning_effort",
        "plugins",
        "review_model",
        "service_tier",
        "shell_environment_policy.experimental_use_profile",
        "sqlite_home",
        "suppress_unstable_features_warning",
        "tools.client_search_provider",
        "tools.experimental_request_user_input",
        "tools.web_search",
        "web_search",
    }
)
"""Keys of the Codex CLI that are accepted without a word and have no effect."""

IGNORED_IN_PROVIDER: frozenset[str] = frozenset(
    {"supports_websockets", "websocket_connect_timeout_ms"}
)
"""The same for the keys of one entry of ``model_providers``."""
