"""Commands about functions: send, inspect; and what FILE.py:FUNCTION stands for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rhdesk.cli.options import Name, RhCommand, json_option, on_option, reqs_option, spread_reqs
from rhdesk.cli.session import LOCAL, cluster_address, connect, run_async
from rhdesk.cli.terminal import Progress, note, print_json
from rhresources.documents import FunctionDocument
from rhresources.errors import AlreadyExists, NotFound, RhError, UsageError
from rhresources.packages import parse_package

if TYPE_CHECKING:
    from rhresources.wire import cluster_pb2 as pb
    from rhresources.workspace import Workspace

_OWN_TREE = ("./", ".")


class _ReqsCommand(RhCommand):
    """Understands `--reqs a b c`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread_reqs(args))


def is_pointer(text: str) -> bool:
    """Whether `text` is FILE.py:FUNCTION (or package.module:FUNCTION) rather than a name."""
    return ":" in text


def resolve_function(workspace: Workspace, text: str, reqs: tuple[str, ...] = ()) -> str | FunctionDocument:
    """What `text` means: the document of FILE.py:FUNCTION, or a saved name as it is.

    Raises:
        UsageError: packages for a saved name, which says its own; or no function is named.
        NotFound: there is no such file, or no such name, or a package that it names is not there.
    """
    if is_pointer(text):
        return document_of_pointer(text, reqs)
    if text.endswith(".py"):
        raise UsageError(
            f"{text} is a file, not a function.", remedy=f"Write {text}:FUNCTION; `rhdesk inspect {text}` lists them."
        )
    if reqs:
        raise UsageError(
            f"--reqs belongs to FILE.py:FUNCTION; {text} says itself what it needs.",
            remedy=f"Change it with `rhdesk show {text} > f.yaml` and `rhdesk save f.yaml --as {text}`.",
        )
    name = str(workspace.names.resolve(text))
    workspace.needs_of(workspace.names.function(text), name)  # before a cluster is brought up for what cannot run
    return name


def document_of_pointer(text: str, reqs: tuple[str, ...] = ()) -> FunctionDocument:
    """The document of FILE.py:FUNCTION, here or in a repository: its tree, whose requirements come besides `reqs`.

    Raises:
        RhError: there is no such file, or no such function in it.
    """
    from rhresources.code.pointer import code_of_pointer, pointer_of_text

    pointer = pointer_of_text(text)
    if not pointer.file:
        raise NotFound(f"There is no module {text.rpartition(':')[0]} here.", remedy="Name its file: FILE.py:FUNCTION.")
    packages = [_absolute_package(req) for req in reqs]
    return FunctionDocument(code=code_of_pointer(pointer), packages=packages)


def _absolute_package(req: str) -> str:
    """A package whose path, if it is one, does not depend on the current directory any more."""
    spec = parse_package(req)
    if not spec.is_path or spec.target in _OWN_TREE:
        return req
    path = Path(spec.target).expanduser().absolute()
    if not path.exists():
        raise NotFound(f"The package {req!r} leads to {path}, which does not exist.")
    return str(type(spec)(spec.method, str(path), spec.options))


def target_cluster(workspace: Workspace, function: str | FunctionDocument, on: str | None) -> str:
    """Where a function runs: `on`, else what its document says, else this computer."""
    return cluster_address(workspace, on or workspace.cluster_of(function))


@click.command("send", cls=_ReqsCommand)
@click.argument("what", nargs=-1, required=True, metavar="FILE.py:FUNCTION | CLUSTER SOURCE... DESTINATION")
@click.option("--to", "cluster", type=Name("cluster"), metavar="CLUSTER", help="Where the function shall run.")
@reqs_option
@click.option("--name", type=Name("function"), help="Under which name it is saved; by default the function's own.")
@json_option
def send_command(
    what: tuple[str, ...], cluster: str | None, reqs: tuple[str, ...], name: str | None, as_json: bool
) -> None:
    """Send a function to a cluster (with --to), or files.

    
    rhdesk send train.py:main --to gpu      a function and what it needs
    rhdesk send gpu data/ notes.txt work    files and folders

    A function is saved by name, so that `rhdesk run NAME` calls it. PACKAGE is what `pip` would take (numpy==1.26), a
    folder (./lib), conda:NAME, or a git address. The git tree of the file goes along always, with its requirements.
    Sending again replaces what was sent.

    Of files, only what differs travels. A relative DESTINATION starts from the home directory there. A folder goes with
    its name, one that ends in a slash as its contents only. DESTINATION is a folder, unless one file gets this name.
    """
    from rhresources.names import from_shell

    if cluster is not None:
        if len(what) != 1:
            raise UsageError("With --to, one function is sent.", remedy="Write `rhdesk send FILE.py:NAME --to GPU`.")
        _send_function(from_shell(what[0]), cluster, reqs, name, as_json)
        return
    if len(what) == 1:
        raise UsageError("Nothing says where to.", remedy="Add --to CLUSTER to a function; files go after a cluster.")
    if reqs or name:
        raise UsageError("--reqs and --name are for functions.", remedy="Add --to CLUSTER.")
    from rhdesk.cli.files import send_files

    send_files(from_shell(what[0]), what[1:], as_json)


def _send_function(function: str, cluster: str, reqs: tuple[str, ...], name: str | None, as_json: bool) -> None:
    async def work(workspace: Workspace) -> dict[str, Any]:
        if is_pointer(function):
            document = document_of_pointer(function, reqs)
            chosen = name or document.code.name.rpartition(".")[2]
        else:
            saved = str(resolve_function(workspace, function, reqs))
            document, chosen = workspace.names.function(saved), name or saved
        target = target_cluster(workspace, document, cluster)
        document = document.model_copy(update={"cluster": target})
        _refuse_other(workspace, chosen, document, asked=name is not None)
        with Progress() as progress:
            client = await connect(workspace, target, progress)
            prepared = await workspace.prepare(document, client, progress)
        if workspace.names.resolve(chosen).place == "registry":
            code = workspace.sent_code(client, await workspace.locate(document))
            document = document.model_copy(update={"code": code})
        entry = workspace.names.save(chosen, document)
        named = {"name": str(entry.address), "cluster": target, "environment": prepared.environment}
        return named | {"caution": entry.caution or None}

    sent = run_async(work, interrupted="Nothing was saved; what was installed so far is kept for the next try.")
    if as_json:
        print_json(sent)
    else:
        note(f"Sent to {sent['cluster']} and saved as {sent['name']}.")
        if sent["caution"]:
            note(sent["caution"])


def _refuse_other(workspace: Workspace, name: str, document: FunctionDocument, *, asked: bool) -> None:
    """Never replace what is something else; nor, under a name nobody asked for, another function."""
    if not workspace.names.exists(name):
        return
    entry = workspace.names.load(name)
    old = entry.document
    if isinstance(old, FunctionDocument) and (asked or old.code == document.code):
        return
    if old is None:
        raise AlreadyExists(f"{entry.name} is broken and is not overwritten.", remedy="Choose another with --name.")
    what = f"{'another' if old.kind == 'function' else 'a'} {old.kind}"
    raise AlreadyExists(f"{entry.address} is {what} already.", remedy="Choose another name with --name.")


@click.command("inspect", cls=RhCommand)
@click.argument("target", metavar="FILE.py|FUNCTION", type=Name("function"))
@on_option
@json_option
def inspect_command(target: str, on: str | None, as_json: bool) -> None:
    """List the public functions of a file, or describe one function: parameters, defaults and help.

    FUNCTION is a saved name or FILE.py:FUNCTION. The module is imported on the cluster, in the environment that its
    functions would have.
    """
    whole = target.endswith(".py")

    async def work(workspace: Workspace) -> list[pb.Inspected]:
        function = None if whole else resolve_function(workspace, target)
        cluster = (
            cluster_address(workspace, on or LOCAL) if function is None else target_cluster(workspace, function, on)
        )
        with Progress() as progress:
            await connect(workspace, cluster, progress)
            reply = await workspace.inspect(
                Path(target) if function is None else function, on=cluster, progress=progress
            )
        return list(reply.modules)

    modules = run_async(work)
    if as_json:
        print_json([_module_as_json(module) for module in modules])
    for module in modules:
        if module.HasField("error"):
            note(module.error.traceback.rstrip("\n"))
            error = module.error
            raise RhError(f"{module.module.module} cannot be imported: {error.type}: {error.message}")
        if not as_json:
            _print_module(module)


def _module_as_json(module: pb.Inspected) -> dict[str, Any]:
    from rhresources.wire import cluster_pb2 as pb

    error = module.error
    return {
        "module": module.module.module,
        "functions": [
            {
                "name": function.name,
                "signature": function.text,
                "docstring": function.docstring,
                "parameters": json.loads(function.schema) if function.schema else None,
                "returns": function.returns or None,
                "kind": pb.Signature.Kind.Name(function.kind).lower(),
                "line": function.line,
            }
            for function in module.functions
        ],
        "error": {"type": error.type, "message": error.message, "traceback": error.traceback}
        if module.HasField("error")
        else None,
    }


def _print_module(module: pb.Inspected) -> None:
    for index, function in enumerate(module.functions):
        if index:
            click.echo()
        click.echo(f"{click.style(function.name, bold=True)}{function.text}    {module.module.module}:{function.line}")
        for line in function.docstring.strip().splitlines():
            click.echo(f"    {line}".rstrip())
