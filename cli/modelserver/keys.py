"""`modelserver keys`: who may call a running server. Needs the admin token, or a key with the right admin.

It comes from --token-file or MODELSERVER_TOKEN. A new key is the only line on standard output, this once; what else is
to say of it goes to standard error. KEY is a key's name, or its id, which a revoked one still has.

Exit codes: 0, done; 1, the server refuses it: no such key, a name that is taken, a token without the right; 2, asked
wrongly; 3, no response, or not now. A change may have been made then: `modelserver keys audit` says so.
"""

import argparse
from collections.abc import Callable
from typing import Any

from modelserver import server

NOTHING = "none"
"""What an option that can be taken away is then given."""


def add_to(commands: Any) -> None:
    """Adds the command, its own commands and their options."""
    command = commands.add_parser(
        "keys", help="who may call a running server: make, change, revoke keys", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.set_defaults(run=run)
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, about: str, *options: Callable[[Any], None]) -> Any:
        """An action with options of its own and everybody's."""
        one = actions.add_parser(name, help=about, description=about)
        for each in (*options, server.add_to):
            each(one)
        one.add_argument("--json", action="store_true", help="as the server says it, an object a line")
        return one

    action("list", "those that are not revoked, by name")
    action("show", "one key", add_key)
    create = action("create", "make a key, which is shown this once", add_wishes, add_words)
    create.add_argument("name", metavar="NAME", help="who has it: a service, a person, a customer")
    change = action("change", "what is named takes the place of what was there", add_key, add_wishes, add_words)
    change.add_argument("--name", help="another name")
    rotate = action("rotate", "another key in its place, shown this once; the old one lives on", add_key, add_words)
    rotate.add_argument("--old-lives", metavar="DURATION", help="so long: 0, 30m, 12h; 1d if it is not said")
    revoke = action("revoke", "refused from now on, for good", add_key, add_words)
    revoke.add_argument("--yes", action="store_true", help="do not ask whether that is meant")
    audit = action("audit", "who changed keys, the newest first")
    audit.add_argument("key", nargs="?", metavar="KEY", help="of this key alone")
    usage = action("usage", "what a key was used for, by day", add_key)
    usage.add_argument("--since", metavar="DAY", help="the first day, such as 2027-01-31; 30 days if it is not said")
    usage.add_argument("--until", metavar="DAY", help="the last day; today if it is not said")
    report = action("report", "what came with a key, beside all callers, in words", add_key)
    report.add_argument("--hours", type=int, default=24, metavar="N", help="hours to look back, 1 to 24 (24)")
    report.add_argument("--model", metavar="NAME", help="of this model alone")
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many: 100; up to 1000")


def add_key(action: Any) -> None:
    """Which one."""
    action.add_argument("key", metavar="KEY", help="its name or its id")


def add_wishes(action: Any) -> None:
    """What a key is like."""
    action.add_argument("--rights", metavar="RIGHT,RIGHT", help="of predict, read, feedback, analyze, admin")
    action.add_argument(
        "--models", metavar="RIGHT=MODEL,MODEL", action="append",
        help=f"of a right that is not for all, as often as there are such; {NOTHING}: all rights are for all models",
    )  # fmt: skip
    action.add_argument(
        "--limits", metavar="LIMITS", help=f"such as 600/60s,100000/d; {NOTHING}: it counts for its address"
    )
    action.add_argument(
        "--max-in-flight", metavar="N", help=f"most requests in flight, over all gateways; {NOTHING}: no bound"
    )
    action.add_argument(
        "--expires", metavar="WHEN", help=f"2027-01-31T08:30:00Z, or from now: 12h, 90d; {NOTHING}: never"
    )
    action.add_argument("--note", help="whatever else is worth knowing")


def add_words(action: Any) -> None:
    """What the audit is told."""
    action.add_argument("--reason", help="why; for the audit")
    action.add_argument("--by", metavar="NAME", help="who you are; for the audit")


def run(options: argparse.Namespace) -> int:
    """Its libraries are loaded only here: the other commands should start at once."""
    from modelserver.managing.command import manage

    return manage(options)
