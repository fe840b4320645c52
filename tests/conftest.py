"""What all tests take for granted: signals that are heard, and no clock.

Whoever starts the tests in the background, or by ``nohup``, has some signals ignored,
and every child would inherit that. Hypothesis fails what takes longer than 200 ms, and
that says more of the machine than of the code.
"""

import signal

from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)

settings.register_profile(
    "no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no clock")
