from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUED: _ClassVar[RunState]
    PREPARING: _ClassVar[RunState]
    RUNNING: _ClassVar[RunState]
    SUCCEEDED: _ClassVar[RunState]
    FAILED: _ClassVar[RunState]
    CANCELLED: _ClassVar[RunState]
    LOST: _ClassVar[RunState]
QUEUED: RunState
PREPARING: RunState
RUNNING: RunState
SUCCEEDED: RunState
FAILED: RunState
CANCELLED: RunState
LOST: RunState

class Value(_message.Message):
    __slots__ = ("format", "data", "blob", "size")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        JSON: _ClassVar[Value.Format]
        CLOUDPICKLE: _ClassVar[Value.Format]
    JSON: Value.Format
    CLOUDPICKLE: Value.Format
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    format: Value.Format
    data: bytes
    blob: str
    size: int
    def __init__(self, format: _Optional[_Union[Value.Format, str]] = ..., data: _Optional[bytes] = ..., blob: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("code", "sentence", "remedy", "detail")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    code: str
    sentence: str
    remedy: str
    detail: str
    def __init__(self, code: _Optional[str] = ..., sentence: _Optional[str] = ..., remedy: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class RemoteError(_message.Message):
    __slots__ = ("type", "message", "traceback", "exception")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    type: str
    message: str
    traceback: str
    exception: Value
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ..., exception: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class HelloRequest(_message.Message):
    __slots__ = ("version", "protocol")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    version: str
    protocol: int
    def __init__(self, version: _Optional[str] = ..., protocol: _Optional[int] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("version", "protocol", "server_id", "started", "engine", "user", "superuser", "home", "python", "pid", "by")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    SUPERUSER_FIELD_NUMBER: _ClassVar[int]
    HOME_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    version: str
    protocol: int
    server_id: str
    started: float
    engine: EngineState
    user: str
    superuser: bool
    home: str
    python: str
    pid: int
    by: str
    def __init__(self, version: _Optional[str] = ..., protocol: _Optional[int] = ..., server_id: _Optional[str] = ..., started: _Optional[float] = ..., engine: _Optional[_Union[EngineState, _Mapping]] = ..., user: _Optional[str] = ..., superuser: _Optional[bool] = ..., home: _Optional[str] = ..., python: _Optional[str] = ..., pid: _Optional[int] = ..., by: _Optional[str] = ...) -> None: ...

class EngineState(_message.Message):
    __slots__ = ("phase", "sentence", "detail")
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STARTING: _ClassVar[EngineState.Phase]
        READY: _ClassVar[EngineState.Phase]
        FAILED: _ClassVar[EngineState.Phase]
        STOPPED: _ClassVar[EngineState.Phase]
    STARTING: EngineState.Phase
    READY: EngineState.Phase
    FAILED: EngineState.Phase
    STOPPED: EngineState.Phase
    PHASE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    phase: EngineState.Phase
    sentence: str
    detail: str
    def __init__(self, phase: _Optional[_Union[EngineState.Phase, str]] = ..., sentence: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class FileEntry(_message.Message):
    __slots__ = ("path", "hash", "size", "executable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    EXECUTABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    hash: str
    size: int
    executable: bool
    def __init__(self, path: _Optional[str] = ..., hash: _Optional[str] = ..., size: _Optional[int] = ..., executable: _Optional[bool] = ...) -> None: ...

class PlanPushRequest(_message.Message):
    __slots__ = ("project", "root", "base", "changed", "removed", "parts")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    project: str
    root: str
    base: str
    changed: _containers.RepeatedCompositeFieldContainer[FileEntry]
    removed: _containers.RepeatedScalarFieldContainer[str]
    parts: _containers.RepeatedCompositeFieldContainer[FilePart]
    def __init__(self, project: _Optional[str] = ..., root: _Optional[str] = ..., base: _Optional[str] = ..., changed: _Optional[_Iterable[_Union[FileEntry, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., parts: _Optional[_Iterable[_Union[FilePart, _Mapping]]] = ...) -> None: ...

class PlanPushReply(_message.Message):
    __slots__ = ("outcome", "missing")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        READY: _ClassVar[PlanPushReply.Outcome]
        UNKNOWN_BASE: _ClassVar[PlanPushReply.Outcome]
        NEED_FILES: _ClassVar[PlanPushReply.Outcome]
    READY: PlanPushReply.Outcome
    UNKNOWN_BASE: PlanPushReply.Outcome
    NEED_FILES: PlanPushReply.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    outcome: PlanPushReply.Outcome
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, outcome: _Optional[_Union[PlanPushReply.Outcome, str]] = ..., missing: _Optional[_Iterable[str]] = ...) -> None: ...

class FilePart(_message.Message):
    __slots__ = ("hash", "data", "last", "zstd")
    HASH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    ZSTD_FIELD_NUMBER: _ClassVar[int]
    hash: str
    data: bytes
    last: bool
    zstd: bool
    def __init__(self, hash: _Optional[str] = ..., data: _Optional[bytes] = ..., last: _Optional[bool] = ..., zstd: _Optional[bool] = ...) -> None: ...

class FileBatch(_message.Message):
    __slots__ = ("project", "root", "parts")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    project: str
    root: str
    parts: _containers.RepeatedCompositeFieldContainer[FilePart]
    def __init__(self, project: _Optional[str] = ..., root: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[FilePart, _Mapping]]] = ...) -> None: ...

class PushReply(_message.Message):
    __slots__ = ("files", "bytes")
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    files: int
    bytes: int
    def __init__(self, files: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class CodeTree(_message.Message):
    __slots__ = ("project", "root")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    project: str
    root: str
    def __init__(self, project: _Optional[str] = ..., root: _Optional[str] = ...) -> None: ...

class PackageSpec(_message.Message):
    __slots__ = ("method", "target", "options", "tree", "revision", "spec")
    class Method(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PIP: _ClassVar[PackageSpec.Method]
        REQS: _ClassVar[PackageSpec.Method]
        LOCAL: _ClassVar[PackageSpec.Method]
        CONDA: _ClassVar[PackageSpec.Method]
    PIP: PackageSpec.Method
    REQS: PackageSpec.Method
    LOCAL: PackageSpec.Method
    CONDA: PackageSpec.Method
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    method: PackageSpec.Method
    target: str
    options: _containers.RepeatedScalarFieldContainer[str]
    tree: CodeTree
    revision: str
    spec: str
    def __init__(self, method: _Optional[_Union[PackageSpec.Method, str]] = ..., target: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., tree: _Optional[_Union[CodeTree, _Mapping]] = ..., revision: _Optional[str] = ..., spec: _Optional[str] = ...) -> None: ...

class EnvironmentSpec(_message.Message):
    __slots__ = ("python", "packages", "setup_commands", "conda", "renewed")
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    SETUP_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    CONDA_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    python: str
    packages: _containers.RepeatedCompositeFieldContainer[PackageSpec]
    setup_commands: _containers.RepeatedScalarFieldContainer[str]
    conda: str
    renewed: int
    def __init__(self, python: _Optional[str] = ..., packages: _Optional[_Iterable[_Union[PackageSpec, _Mapping]]] = ..., setup_commands: _Optional[_Iterable[str]] = ..., conda: _Optional[str] = ..., renewed: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("imported", "pickled", "builtin", "folder")
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    PICKLED_FIELD_NUMBER: _ClassVar[int]
    BUILTIN_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    imported: Import
    pickled: Value
    builtin: str
    folder: str
    def __init__(self, imported: _Optional[_Union[Import, _Mapping]] = ..., pickled: _Optional[_Union[Value, _Mapping]] = ..., builtin: _Optional[str] = ..., folder: _Optional[str] = ...) -> None: ...

class Import(_message.Message):
    __slots__ = ("folder", "module", "name")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    folder: str
    module: str
    name: str
    def __init__(self, folder: _Optional[str] = ..., module: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Resources(_message.Message):
    __slots__ = ("cpus", "gpus", "memory")
    CPUS_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    cpus: float
    gpus: float
    memory: float
    def __init__(self, cpus: _Optional[float] = ..., gpus: _Optional[float] = ..., memory: _Optional[float] = ...) -> None: ...

class FunctionSpec(_message.Message):
    __slots__ = ("name", "code", "entry", "environment", "resources", "variables")
    class VariablesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    name: str
    code: CodeTree
    entry: Entry
    environment: EnvironmentSpec
    resources: Resources
    variables: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., code: _Optional[_Union[CodeTree, _Mapping]] = ..., entry: _Optional[_Union[Entry, _Mapping]] = ..., environment: _Optional[_Union[EnvironmentSpec, _Mapping]] = ..., resources: _Optional[_Union[Resources, _Mapping]] = ..., variables: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PrepareRequest(_message.Message):
    __slots__ = ("function",)
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    function: FunctionSpec
    def __init__(self, function: _Optional[_Union[FunctionSpec, _Mapping]] = ...) -> None: ...

class PrepareEvent(_message.Message):
    __slots__ = ("phase", "output", "function", "problem", "environment")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    phase: str
    output: str
    function: str
    problem: Problem
    environment: str
    def __init__(self, phase: _Optional[str] = ..., output: _Optional[str] = ..., function: _Optional[str] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ..., environment: _Optional[str] = ...) -> None: ...

class InspectRequest(_message.Message):
    __slots__ = ("code", "environment", "modules")
    CODE_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    code: CodeTree
    environment: EnvironmentSpec
    modules: _containers.RepeatedCompositeFieldContainer[Import]
    def __init__(self, code: _Optional[_Union[CodeTree, _Mapping]] = ..., environment: _Optional[_Union[EnvironmentSpec, _Mapping]] = ..., modules: _Optional[_Iterable[_Union[Import, _Mapping]]] = ...) -> None: ...

class InspectReply(_message.Message):
    __slots__ = ("modules", "problem")
    MODULES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    modules: _containers.RepeatedCompositeFieldContainer[Inspected]
    problem: Problem
    def __init__(self, modules: _Optional[_Iterable[_Union[Inspected, _Mapping]]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Inspected(_message.Message):
    __slots__ = ("module", "functions", "error")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    module: Import
    functions: _containers.RepeatedCompositeFieldContainer[Signature]
    error: RemoteError
    def __init__(self, module: _Optional[_Union[Import, _Mapping]] = ..., functions: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ..., error: _Optional[_Union[RemoteError, _Mapping]] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("name", "docstring", "schema", "returns", "kind", "line", "text")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PLAIN: _ClassVar[Signature.Kind]
        COROUTINE: _ClassVar[Signature.Kind]
        GENERATOR: _ClassVar[Signature.Kind]
        ASYNC_GENERATOR: _ClassVar[Signature.Kind]
    PLAIN: Signature.Kind
    COROUTINE: Signature.Kind
    GENERATOR: Signature.Kind
    ASYNC_GENERATOR: Signature.Kind
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOCSTRING_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    RETURNS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    docstring: str
    schema: str
    returns: str
    kind: Signature.Kind
    line: int
    text: str
    def __init__(self, name: _Optional[str] = ..., docstring: _Optional[str] = ..., schema: _Optional[str] = ..., returns: _Optional[str] = ..., kind: _Optional[_Union[Signature.Kind, str]] = ..., line: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class ListEnvironmentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEnvironmentsReply(_message.Message):
    __slots__ = ("environments",)
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    environments: _containers.RepeatedCompositeFieldContainer[Environment]
    def __init__(self, environments: _Optional[_Iterable[_Union[Environment, _Mapping]]] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("hash", "python", "packages", "bytes", "created", "used", "in_use", "state", "spec", "host")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        READY: _ClassVar[Environment.State]
        INSTALLING: _ClassVar[Environment.State]
        FAILED: _ClassVar[Environment.State]
    READY: Environment.State
    INSTALLING: Environment.State
    FAILED: Environment.State
    HASH_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    hash: str
    python: str
    packages: _containers.RepeatedScalarFieldContainer[str]
    bytes: int
    created: float
    used: float
    in_use: bool
    state: Environment.State
    spec: EnvironmentSpec
    host: str
    def __init__(self, hash: _Optional[str] = ..., python: _Optional[str] = ..., packages: _Optional[_Iterable[str]] = ..., bytes: _Optional[int] = ..., created: _Optional[float] = ..., used: _Optional[float] = ..., in_use: _Optional[bool] = ..., state: _Optional[_Union[Environment.State, str]] = ..., spec: _Optional[_Union[EnvironmentSpec, _Mapping]] = ..., host: _Optional[str] = ...) -> None: ...

class RemoveEnvironmentRequest(_message.Message):
    __slots__ = ("hash", "host")
    HASH_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    hash: str
    host: str
    def __init__(self, hash: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

class RemoveEnvironmentReply(_message.Message):
    __slots__ = ("bytes",)
    BYTES_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    def __init__(self, bytes: _Optional[int] = ...) -> None: ...

class CheckEnvironmentRequest(_message.Message):
    __slots__ = ("environment", "compared_with")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    COMPARED_WITH_FIELD_NUMBER: _ClassVar[int]
    environment: EnvironmentSpec
    compared_with: str
    def __init__(self, environment: _Optional[_Union[EnvironmentSpec, _Mapping]] = ..., compared_with: _Optional[str] = ...) -> None: ...

class CheckEnvironmentEvent(_message.Message):
    __slots__ = ("phase", "output", "plan", "problem")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    phase: str
    output: str
    plan: EnvironmentPlan
    problem: Problem
    def __init__(self, phase: _Optional[str] = ..., output: _Optional[str] = ..., plan: _Optional[_Union[EnvironmentPlan, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class EnvironmentPlan(_message.Message):
    __slots__ = ("hash", "ready", "compared_with", "packages")
    HASH_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    COMPARED_WITH_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    hash: str
    ready: bool
    compared_with: str
    packages: _containers.RepeatedCompositeFieldContainer[PlannedPackage]
    def __init__(self, hash: _Optional[str] = ..., ready: _Optional[bool] = ..., compared_with: _Optional[str] = ..., packages: _Optional[_Iterable[_Union[PlannedPackage, _Mapping]]] = ...) -> None: ...

class PlannedPackage(_message.Message):
    __slots__ = ("name", "kind", "before", "after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    before: str
    after: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class InspectEnvironmentRequest(_message.Message):
    __slots__ = ("hash", "newest")
    HASH_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    hash: str
    newest: bool
    def __init__(self, hash: _Optional[str] = ..., newest: _Optional[bool] = ...) -> None: ...

class InspectEnvironmentReply(_message.Message):
    __slots__ = ("environment", "packages", "unknown")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    environment: Environment
    packages: _containers.RepeatedCompositeFieldContainer[InstalledPackage]
    unknown: str
    def __init__(self, environment: _Optional[_Union[Environment, _Mapping]] = ..., packages: _Optional[_Iterable[_Union[InstalledPackage, _Mapping]]] = ..., unknown: _Optional[str] = ...) -> None: ...

class InstalledPackage(_message.Message):
    __slots__ = ("name", "kind", "version", "recorded", "wanted", "newest", "fits")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    version: str
    recorded: str
    wanted: str
    newest: str
    fits: bool
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., version: _Optional[str] = ..., recorded: _Optional[str] = ..., wanted: _Optional[str] = ..., newest: _Optional[str] = ..., fits: _Optional[bool] = ...) -> None: ...

class UpdateEnvironmentRequest(_message.Message):
    __slots__ = ("hash",)
    HASH_FIELD_NUMBER: _ClassVar[int]
    hash: str
    def __init__(self, hash: _Optional[str] = ...) -> None: ...

class BrowseEnvironmentRequest(_message.Message):
    __slots__ = ("hash", "module")
    HASH_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    hash: str
    module: str
    def __init__(self, hash: _Optional[str] = ..., module: _Optional[str] = ...) -> None: ...

class BrowseEnvironmentReply(_message.Message):
    __slots__ = ("modules", "source")
    MODULES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    modules: _containers.RepeatedCompositeFieldContainer[ModuleEntry]
    source: str
    def __init__(self, modules: _Optional[_Iterable[_Union[ModuleEntry, _Mapping]]] = ..., source: _Optional[str] = ...) -> None: ...

class ModuleEntry(_message.Message):
    __slots__ = ("name", "is_package", "distribution")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_PACKAGE_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    is_package: bool
    distribution: str
    def __init__(self, name: _Optional[str] = ..., is_package: _Optional[bool] = ..., distribution: _Optional[str] = ...) -> None: ...

class SessionRequest(_message.Message):
    __slots__ = ("number", "call", "cancel")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    number: int
    call: Call
    cancel: bool
    def __init__(self, number: _Optional[int] = ..., call: _Optional[_Union[Call, _Mapping]] = ..., cancel: _Optional[bool] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("function", "arguments", "run", "follow", "client")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    function: str
    arguments: Value
    run: str
    follow: bool
    client: str
    def __init__(self, function: _Optional[str] = ..., arguments: _Optional[_Union[Value, _Mapping]] = ..., run: _Optional[str] = ..., follow: _Optional[bool] = ..., client: _Optional[str] = ...) -> None: ...

class SessionReply(_message.Message):
    __slots__ = ("number", "result", "error", "problem", "item", "output")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    number: int
    result: Value
    error: RemoteError
    problem: Problem
    item: Value
    output: bytes
    def __init__(self, number: _Optional[int] = ..., result: _Optional[_Union[Value, _Mapping]] = ..., error: _Optional[_Union[RemoteError, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ..., item: _Optional[_Union[Value, _Mapping]] = ..., output: _Optional[bytes] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("id", "name", "state", "reason", "created", "started", "ended", "arguments", "client", "user", "environment", "code", "log_bytes", "error", "problem", "result_bytes", "result_type", "preview", "items", "host", "pid", "function", "revision", "by", "cancelled_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    RESULT_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESULT_TYPE_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    state: RunState
    reason: str
    created: float
    started: float
    ended: float
    arguments: str
    client: str
    user: str
    environment: str
    code: CodeTree
    log_bytes: int
    error: RemoteError
    problem: Problem
    result_bytes: int
    result_type: str
    preview: Preview
    items: int
    host: str
    pid: int
    function: str
    revision: int
    by: str
    cancelled_by: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., reason: _Optional[str] = ..., created: _Optional[float] = ..., started: _Optional[float] = ..., ended: _Optional[float] = ..., arguments: _Optional[str] = ..., client: _Optional[str] = ..., user: _Optional[str] = ..., environment: _Optional[str] = ..., code: _Optional[_Union[CodeTree, _Mapping]] = ..., log_bytes: _Optional[int] = ..., error: _Optional[_Union[RemoteError, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ..., result_bytes: _Optional[int] = ..., result_type: _Optional[str] = ..., preview: _Optional[_Union[Preview, _Mapping]] = ..., items: _Optional[int] = ..., host: _Optional[str] = ..., pid: _Optional[int] = ..., function: _Optional[str] = ..., revision: _Optional[int] = ..., by: _Optional[str] = ..., cancelled_by: _Optional[str] = ...) -> None: ...

class Preview(_message.Message):
    __slots__ = ("kind", "text", "json", "image", "shortened")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TEXT: _ClassVar[Preview.Kind]
        TREE: _ClassVar[Preview.Kind]
        TABLE: _ClassVar[Preview.Kind]
        IMAGE: _ClassVar[Preview.Kind]
    TEXT: Preview.Kind
    TREE: Preview.Kind
    TABLE: Preview.Kind
    IMAGE: Preview.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SHORTENED_FIELD_NUMBER: _ClassVar[int]
    kind: Preview.Kind
    text: str
    json: str
    image: bytes
    shortened: bool
    def __init__(self, kind: _Optional[_Union[Preview.Kind, str]] = ..., text: _Optional[str] = ..., json: _Optional[str] = ..., image: _Optional[bytes] = ..., shortened: _Optional[bool] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("run", "function", "spec", "arguments", "client")
    RUN_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    run: str
    function: str
    spec: FunctionSpec
    arguments: Value
    client: str
    def __init__(self, run: _Optional[str] = ..., function: _Optional[str] = ..., spec: _Optional[_Union[FunctionSpec, _Mapping]] = ..., arguments: _Optional[_Union[Value, _Mapping]] = ..., client: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("run", "offset", "no_log")
    RUN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    NO_LOG_FIELD_NUMBER: _ClassVar[int]
    run: str
    offset: int
    no_log: bool
    def __init__(self, run: _Optional[str] = ..., offset: _Optional[int] = ..., no_log: _Optional[bool] = ...) -> None: ...

class RunEvent(_message.Message):
    __slots__ = ("run", "log", "progress")
    RUN_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    run: Run
    log: LogBlock
    progress: str
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ..., log: _Optional[_Union[LogBlock, _Mapping]] = ..., progress: _Optional[str] = ...) -> None: ...

class LogBlock(_message.Message):
    __slots__ = ("offset", "data")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class ReadLogRequest(_message.Message):
    __slots__ = ("run", "offset", "length")
    RUN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    run: str
    offset: int
    length: int
    def __init__(self, run: _Optional[str] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ReadLogReply(_message.Message):
    __slots__ = ("block", "size")
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    block: LogBlock
    size: int
    def __init__(self, block: _Optional[_Union[LogBlock, _Mapping]] = ..., size: _Optional[int] = ...) -> None: ...

class ResultRequest(_message.Message):
    __slots__ = ("run", "wait", "preview")
    RUN_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    run: str
    wait: bool
    preview: bool
    def __init__(self, run: _Optional[str] = ..., wait: _Optional[bool] = ..., preview: _Optional[bool] = ...) -> None: ...

class ResultReply(_message.Message):
    __slots__ = ("run", "value")
    RUN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    run: Run
    value: Value
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class ItemsRequest(_message.Message):
    __slots__ = ("run", "first")
    RUN_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    run: str
    first: int
    def __init__(self, run: _Optional[str] = ..., first: _Optional[int] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("index", "value", "text")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    index: int
    value: Value
    text: str
    def __init__(self, index: _Optional[int] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("runs", "force")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedScalarFieldContainer[str]
    force: bool
    def __init__(self, runs: _Optional[_Iterable[str]] = ..., force: _Optional[bool] = ...) -> None: ...

class CancelReply(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("limit", "before", "name", "states", "by")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    limit: int
    before: str
    name: str
    states: _containers.RepeatedScalarFieldContainer[RunState]
    by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, limit: _Optional[int] = ..., before: _Optional[str] = ..., name: _Optional[str] = ..., states: _Optional[_Iterable[_Union[RunState, str]]] = ..., by: _Optional[_Iterable[str]] = ...) -> None: ...

class ListRunsReply(_message.Message):
    __slots__ = ("runs", "total")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    total: int
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class WatchRunsRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class RunsEvent(_message.Message):
    __slots__ = ("changed", "removed", "snapshot")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    changed: _containers.RepeatedCompositeFieldContainer[Run]
    removed: _containers.RepeatedScalarFieldContainer[str]
    snapshot: bool
    def __init__(self, changed: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., snapshot: _Optional[bool] = ...) -> None: ...

class DeleteRunsRequest(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, runs: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteRunsReply(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted: _Optional[_Iterable[str]] = ...) -> None: ...

class ObjectInfo(_message.Message):
    __slots__ = ("key", "size", "created", "format", "type")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    key: str
    size: int
    created: float
    format: Value.Format
    type: str
    def __init__(self, key: _Optional[str] = ..., size: _Optional[int] = ..., created: _Optional[float] = ..., format: _Optional[_Union[Value.Format, str]] = ..., type: _Optional[str] = ...) -> None: ...

class PutObjectRequest(_message.Message):
    __slots__ = ("key", "value", "type")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: Value
    type: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., type: _Optional[str] = ...) -> None: ...

class PutObjectReply(_message.Message):
    __slots__ = ("object",)
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    object: ObjectInfo
    def __init__(self, object: _Optional[_Union[ObjectInfo, _Mapping]] = ...) -> None: ...

class GetObjectRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class GetObjectReply(_message.Message):
    __slots__ = ("object", "value")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    object: ObjectInfo
    value: Value
    def __init__(self, object: _Optional[_Union[ObjectInfo, _Mapping]] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class DeleteObjectsRequest(_message.Message):
    __slots__ = ("keys", "all")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    all: bool
    def __init__(self, keys: _Optional[_Iterable[str]] = ..., all: _Optional[bool] = ...) -> None: ...

class DeleteObjectsReply(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted: _Optional[_Iterable[str]] = ...) -> None: ...

class ListObjectsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListObjectsReply(_message.Message):
    __slots__ = ("objects",)
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[ObjectInfo]
    def __init__(self, objects: _Optional[_Iterable[_Union[ObjectInfo, _Mapping]]] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class UploadReply(_message.Message):
    __slots__ = ("blob", "size")
    BLOB_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    blob: str
    size: int
    def __init__(self, blob: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class DownloadRequest(_message.Message):
    __slots__ = ("blob", "offset")
    BLOB_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    blob: str
    offset: int
    def __init__(self, blob: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class WatchStatusRequest(_message.Message):
    __slots__ = ("interval",)
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    interval: float
    def __init__(self, interval: _Optional[float] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("time", "engine", "hosts", "runs_active", "runs_queued", "workers", "calls", "state_bytes")
    TIME_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    RUNS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    RUNS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    time: float
    engine: EngineState
    hosts: _containers.RepeatedCompositeFieldContainer[Host]
    runs_active: int
    runs_queued: int
    workers: int
    calls: int
    state_bytes: int
    def __init__(self, time: _Optional[float] = ..., engine: _Optional[_Union[EngineState, _Mapping]] = ..., hosts: _Optional[_Iterable[_Union[Host, _Mapping]]] = ..., runs_active: _Optional[int] = ..., runs_queued: _Optional[int] = ..., workers: _Optional[int] = ..., calls: _Optional[int] = ..., state_bytes: _Optional[int] = ...) -> None: ...

class Host(_message.Message):
    __slots__ = ("name", "address", "head", "alive", "cpu_percent", "cpus", "memory_used", "memory_total", "disk_used", "disk_total", "gpus", "uptime", "load", "given", "problem", "seen", "workers")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_FIELD_NUMBER: _ClassVar[int]
    DISK_USED_FIELD_NUMBER: _ClassVar[int]
    DISK_TOTAL_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    head: bool
    alive: bool
    cpu_percent: float
    cpus: int
    memory_used: int
    memory_total: int
    disk_used: int
    disk_total: int
    gpus: _containers.RepeatedCompositeFieldContainer[Gpu]
    uptime: float
    load: float
    given: str
    problem: str
    seen: float
    workers: int
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., head: _Optional[bool] = ..., alive: _Optional[bool] = ..., cpu_percent: _Optional[float] = ..., cpus: _Optional[int] = ..., memory_used: _Optional[int] = ..., memory_total: _Optional[int] = ..., disk_used: _Optional[int] = ..., disk_total: _Optional[int] = ..., gpus: _Optional[_Iterable[_Union[Gpu, _Mapping]]] = ..., uptime: _Optional[float] = ..., load: _Optional[float] = ..., given: _Optional[str] = ..., problem: _Optional[str] = ..., seen: _Optional[float] = ..., workers: _Optional[int] = ...) -> None: ...

class Gpu(_message.Message):
    __slots__ = ("name", "load_percent", "memory_used", "memory_total")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOAD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    load_percent: float
    memory_used: int
    memory_total: int
    def __init__(self, name: _Optional[str] = ..., load_percent: _Optional[float] = ..., memory_used: _Optional[int] = ..., memory_total: _Optional[int] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ("stop_runs",)
    STOP_RUNS_FIELD_NUMBER: _ClassVar[int]
    stop_runs: bool
    def __init__(self, stop_runs: _Optional[bool] = ...) -> None: ...

class ShutdownReply(_message.Message):
    __slots__ = ("active", "stopping")
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    STOPPING_FIELD_NUMBER: _ClassVar[int]
    active: _containers.RepeatedCompositeFieldContainer[Run]
    stopping: bool
    def __init__(self, active: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., stopping: _Optional[bool] = ...) -> None: ...
