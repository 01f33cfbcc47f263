"""The group of all commands, and the one place where errors become a sentence on standard error and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any

import click

from rhdesk.cli.options import RhCommand, is_verbose
from rhdesk.cli.terminal import printable
from rhresources.errors import RhError

COMMANDS = {
    # name: (module, one line for the list of commands)
    "ls": ("names", "List saved clusters, functions and packages."),
    "show": ("names", "Print the document of a name."),
    "save": ("names", "Save a document from a YAML file."),
    "rm": ("moving", "Remove a name."),
    "mv": ("moving", "Give a resource another name or place."),
    "cp": ("moving", "Save a resource under another name or in another place."),
    "login": ("login", "Log in to the registry of a team."),
    "logout": ("login", "Log out of it."),
    "whoami": ("login", "Say who is logged in, and what waits for the registry."),
    "share": ("sharing", "Share a name or folder of the registry; say who may do what."),
    "history": ("sharing", "List the versions of a name in the registry."),
    "restore": ("sharing", "Make an old version the newest one."),
    "settle": ("settling", "List what waits for the registry, and decide on what it did not take."),
    "import": ("importing", "Take over what Runhouse saved."),
    "up": ("clusters", "Bring a cluster up."),
    "down": ("clusters", "Take a cluster down."),
    "upgrade": ("clusters", "Put this computer's rhdesk onto a cluster; its runs go on."),
    "repair": ("clusters", "Bring lost hosts of a cluster back."),
    "stop": ("clouds", "Stop the machines of a cluster in a cloud; their disks stay."),
    "start": ("clouds", "Start them again."),
    "autostop": ("clouds", "Have a cluster in a cloud stop when it is idle."),
    "offers": ("clouds", "List what clouds ask for hardware, cheapest first."),
    "clouds": ("cloud_requests", "List what SkyPilot's server is at work on; cancel what is stuck."),
    "orphans": ("orphans", "Find what SkyPilot has forgotten in clouds, and end it."),
    "adopt": ("clouds", "Give a cluster that SkyPilot knows a name here."),
    "check": ("check", "Test the connection to hosts, step by step; or which clouds can be used."),
    "reach": ("reach", "Say by which key or account of yours a cluster is logged in to."),
    "status": ("status", "Say which clusters are up, and how busy they are."),
    "cost": ("cost", "Say what clusters and runs cost, and how much is left of the budget."),
    "install": ("install", "Install packages on clusters."),
    "packages": ("packages", "Check packages on a cluster; show what the index has."),
    "environments": ("environments", "List, compare, update and remove what is installed."),
    "send": ("functions", "Send a function to a cluster and save it by name; or send files."),
    "fetch": ("files", "Fetch files and folders from a cluster."),
    "inspect": ("functions", "List the functions of a file with their parameters."),
    "run": ("running", "Run a function: its log to stderr, its result to stdout."),
    "runs": ("runs", "List runs, newest first."),
    "logs": ("runs", "Print the log of a run."),
    "result": ("runs", "Print the result of a run, or write it to a file."),
    "cancel": ("runs", "Cancel runs."),
    "ssh": ("access", "Open a shell on a cluster, or run a command there."),
    "forward": ("access", "Forward a port of this computer to a cluster."),
    "notebook": ("access", "Start JupyterLab on a cluster and open it here."),
    "credentials": ("credentials", "Keep passphrases, passwords and tokens in the keyring."),
    "registry": ("registry", "Run a registry for a team: serve, users, tokens, groups."),
    "tour": ("window", "Drive the window headless through its main job, with pictures."),
}


class LazyGroup(click.Group):
    """Loads the module of a command when that command is asked for, so that `rhdesk ls` starts at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"rhdesk.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", context) from None


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from rhresources.version import version

        click.echo(f"rhdesk {version()}")
        context.exit()


class RootGroup(LazyGroup, RhCommand):
    """The group, with `--verbose` like every command."""


@click.group(cls=RootGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
@click.pass_context
def rhdesk(context: click.Context) -> int:
    """A control panel for remote Python compute. Without a command: the window.

    \b
    rhdesk up ^local                              start the cluster of this computer
    rhdesk run train.py:main epochs=3 lr=2e-5     run a function there, with its git tree
    rhdesk send train.py:main --to ^local         keep it by name
    rhdesk run main epochs=10 --detach            ... and run it again later
    """
    if context.invoked_subcommand is None:
        from rhdesk.cli.window import open_window

        return open_window()
    _warn_of_settings()
    return 0


def _warn_of_settings() -> None:
    """One line where config.yaml cannot be used as it is; the command goes on without what is wrong there."""
    from rhresources import paths

    if not (paths.home() / "config.yaml").exists():
        return
    from rhresources.settings import Settings

    problem = Settings.load().problem
    if problem is not None:
        click.echo(f"Settings: {problem.sentence}", err=True)


def run(argv: list[str]) -> int:
    """Run one command line; the exit code. Prints errors, raises nothing."""
    try:
        code = rhdesk.main(args=argv, prog_name="rhdesk", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return 2 if isinstance(error, click.UsageError) else 1
    except RhError as error:
        print_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return 1
    except BrokenPipeError:  # `rhdesk ls | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        detail = traceback.format_exc()
        print_error(RhError(f"rhdesk failed unexpectedly: {type(error).__name__}: {error}", detail=detail))
        return 1


def print_error(error: RhError) -> None:
    """The sentence, the remedy under it, and the detail when it was asked for."""
    click.echo(click.style("Error: ", fg="red", bold=True) + printable(error.sentence), err=True)
    if error.remedy:
        click.echo(f"       {printable(error.remedy)}", err=True)
    if not error.detail:
        return
    if is_verbose():
        click.echo(printable(error.detail.replace("\r\n", "\n")).rstrip("\n"), err=True)
    else:
        click.echo("       (--verbose or RH_DEBUG=1 shows the details.)", err=True)
