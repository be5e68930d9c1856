"""A scenario of spec/vectors, run against a redis-server of its own."""

from __future__ import annotations

import json
import time

from fleetdial_ref.driver import Driver

from .encode import pack, sign
from .redis_server import RedisServer

FLEET = "scenario"
KEY = "fleetdial:{%s}" % FLEET


class Scenario:
    """One subscriber, its server and the steps that are done in their order."""

    def __init__(self, test, line):
        self._test = test
        self._line = line
        self._server = RedisServer()
        self._driver = Driver()
        self._follow()

    def close(self):
        """End the subscriber and the server."""
        self._driver.close()
        self._server.close()

    def run(self):
        """Do all steps."""
        for number, step in enumerate(self._line["steps"]):
            for name in step:
                getattr(self, f"_do_{name}")(step[name], f"step {number}")

    def _ask(self, op, **request):
        answer = self._driver.answer(json.dumps(dict(request, op=op)).encode())
        self._test.assertNotIn("error", answer)
        return answer

    def _follow(self):
        options = {key: self._line[key] for key in ("keys_hex", "instance") if key in self._line}
        url = self._server.url
        self._ask("follow", redis=url, fleet=FLEET, resync_ms=1000, timeout_ms=1000, **options)

    def _now(self):
        seconds, microseconds = self._server.call("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _value(self, found):
        if "value_hex" in found:
            return bytes.fromhex(found["value_hex"])
        now = self._now()
        directives = []
        for one in found["directives"]:
            one = dict(one)
            one["expires_at"] = now + one.pop("ttl_ms")
            directives.append(one)
        newer = any("instances" in one or "max_per_second" in one for one in directives)
        raw = pack(
            {
                "format": found.get("format", 2 if newer else 1),
                "id": found["id"],
                "version": found["version"],
                "published_at": now - found.get("published_ago_ms", 0),
                "publisher": "",
                "reason": "",
                "directives": directives,
            }
        )
        if "sign" not in found:
            return raw
        seed = bytes.fromhex(self._line["sign_keys_hex"][found["sign"]])
        return sign(seed, KEY, raw)

    def _do_set(self, found, name):
        self._server.call("SET", KEY, self._value(found))

    def _do_publish(self, found, name):
        self._do_set(found, name)
        announced = {key: found[key] for key in ("version", "id") if key in found}
        self._server.call("PUBLISH", KEY, json.dumps(announced))

    def _do_announce(self, found, name):
        payload = json.dumps(found).encode()
        if "payload_hex" in found:
            payload = bytes.fromhex(found["payload_hex"])
        self._server.call("PUBLISH", KEY, payload)

    def _do_delete(self, found, name):
        self._server.call("DEL", KEY)

    def _do_wrong_type(self, found, name):
        self._server.call("DEL", KEY)
        self._server.call("RPUSH", KEY, "x")

    def _do_server(self, found, name):
        if found == "pause":
            self._server.pause()
        elif found == "resume":
            self._server.resume()
        else:
            self._server.kill()
            if found != "kill":
                self._server.start(keep=found == "restart")

    def _do_drop_connections(self, found, name):
        self._server.drop_connections()

    def _do_restart_subscriber(self, found, name):
        self._ask("stop")
        self._follow()

    def _do_expect(self, found, name):
        asked = [pair[0] if isinstance(pair, list) else pair["request"]
                 for pair in found.get("decisions", [])]
        end = time.monotonic() + found.get("within_ms", 0) / 1000
        while True:
            problem = self._problem(found, asked)
            if problem is None:
                break
            if time.monotonic() > end:
                self._test.fail(f"{name}: not within {found.get('within_ms')} ms: {problem}")
            time.sleep(0.02)
        end = time.monotonic() + found.get("hold_ms", 0) / 1000
        while time.monotonic() < end:
            problem = self._problem(found, asked)
            if problem:
                self._test.fail(f"{name}: does not hold: {problem}")
            time.sleep(0.02)

    def _problem(self, found, asked):
        state = self._ask("state", requests=asked)
        for key in ("state", "version", "id"):
            if key in found and state[key] != found[key]:
                return f"{key} is {state[key]!r}, and not {found[key]!r}"
        wanted = [pair[1] if isinstance(pair, list) else pair["decision"]
                  for pair in found.get("decisions", [])]
        if wanted != state["decisions"]:
            return f"decisions are {state['decisions']}, and not {wanted}"
        return None
