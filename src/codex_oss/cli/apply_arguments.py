"""What can be said after ``codex-oss apply``."""

from codex_oss.cli.parser import Parser, add_settings


def apply_parser() -> Parser:
    """Return the parser of ``codex-oss apply``."""
    parser = Parser(
        prog="codex-oss apply",
        description="Apply the last diff of a session, or that of a file, to this\n"
        "folder. All of it is applied, or nothing.",
    )
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        metavar="SESSION|FILE|-",
        help="a session's id or name, a file with a diff, or `-` for stdin; without it "
        "the last session of this folder",
    )
    add("--last", action="store_true", help="the last session of any folder")
    add("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add(
        "--force",
        action="store_true",
        help="also overwrite and delete files whose content the diff does not know, "
        "and write in .codex and .agents",
    )
    add("-C", "--cd", metavar="DIR", help="apply in this folder")
    add_settings(parser)
    return parser
