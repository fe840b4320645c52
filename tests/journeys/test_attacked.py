"""A model that attacks: the whole agent, from the model's answer to what is left."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from attack_expected import promises
from attack_ground import SECRET, prepared, python_for
from attack_run import MODES, Mode, bare, permissions, report
from confinement import LIMIT_S, obstacle
from fake_server import FakeServer, call, message, turn
from running import OURS, environment


@pytest.mark.parametrize("mode", MODES)
def test_a_models_command_gets_as_far_as_the_table_says(mode: Mode) -> None:
    uid = os.getuid()
    if why := obstacle("bubblewrap", uid):
        pytest.skip(why)
    with prepared(uid) as host:
        ground = host.ground
        allowed = permissions(ground, mode, "bubblewrap")
        attack = f"{python_for(uid)} {ground.base}/attack {ground.base}/ground.json"
        with FakeServer(
            [turn(call("exec_command", {"cmd": attack})), turn(message("done"))]
        ) as server:
            table = f'{{name="x",base_url="{server.url}/v1",env_key="{SECRET}"}}'
            settings = {
                "model_provider": "x",
                "model_providers.x": table,
                "sandbox_deny_read": json.dumps(allowed.deny_read),
                "sandbox_workspace_write": "{exclude_slash_tmp=true,network_access="
                f"{json.dumps(allowed.network)}}}",
                "tool_output_token_limit": "100000",
            }
            options = [w for k, v in settings.items() for w in ("-c", f"{k}={v}")]
            roots = [
                w for root in allowed.writable_roots[1:] for w in ("--add-dir", root)
            ]
            done = subprocess.run(
                [
                    *(*OURS, "exec", "-s", allowed.mode, *options, *roots),
                    *("-m", "some-model", "-C", ground.workspace, "attack"),
                ],
                cwd=ground.base,
                env={**environment(Path(ground.base)), **host.env}
                | {SECRET: ground.victim_word},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            heard = server.requests[-1].json["input"][-1]["output"]
        told = "\n".join(line for line in heard.splitlines() if line.startswith("["))
        gained = report(told, host)
    expected = {p.name for p in promises() if p.allows("bubblewrap", mode, uid)}
    assert len(gained.outcomes) == len(promises())
    assert sorted(gained.possible()) == sorted(expected & bare(uid).possible())
    if mode != "network":
        assert gained.harm == ()
