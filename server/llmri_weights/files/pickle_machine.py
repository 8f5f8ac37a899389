"""What a pickle describes, without executing any of it: names stay names, calls stay written down.

The opcodes are read by `pickletools`, which runs nothing either. Nothing in here imports or calls what a
pickle names.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from llmri_weights.errors import WeightsError

Described = Any  # whatever a pickle builds: numbers, texts, containers, and what stays written down

MOST_OPCODES = 5_000_000
_PLAIN_KEYS = (str, bytes, int, float, bool, type(None))


@dataclass(frozen=True)
class Global:
    """Something that a pickle names: a function or a class. It is not looked up.

    Attributes:
        module: Where the pickle says that it is.
        name: What it is called there.
    """

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Call:
    """A call that a pickle asks for. It is not made.

    Attributes:
        function: What would be called.
        arguments: With what.
        state: What would be given to the result afterwards.
        items: What would be appended to it or set in it.
    """

    function: Described
    arguments: tuple[Any, ...]
    state: Described = None
    items: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Persistent:
    """A reference to something outside the pickle, such as a storage.

    Attributes:
        key: What the pickle calls it.
    """

    key: Described


class _Mark:
    """Where a group on the stack begins."""


_MARK = _Mark()


def read_pickle(file: IO[bytes], name: str) -> tuple[Described, set[Global]]:
    """Return what one pickle describes, and every name in it; the file is left behind its end.

    Args:
        file: What to read from.
        name: What a person calls it.

    Raises:
        WeightsError: It is no pickle, or a damaged or endless one.
    """
    machine = _Machine(name)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count >= MOST_OPCODES:
                raise WeightsError(f"the pickle in {name} has more than {MOST_OPCODES} steps")
            machine.step(opcode.name, argument)
        return machine.stack[-1], machine.names
    except (
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
        MemoryError,
    ) as error:
        raise WeightsError(f"the pickle in {name} is damaged: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def plain_key(key: Described) -> Described:
    """Return a key of a dictionary, or a stand-in for one whose hash a pickle could make endless."""
    if type(key) in _PLAIN_KEYS:
        return key
    if type(key) is tuple and all(type(part) in _PLAIN_KEYS for part in key):
        return key
    return id(key)


class _Machine:
    def __init__(self, name: str) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: set[Global] = set()
        self._name = name

    def step(self, opcode: str, argument: Described) -> None:
        if opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode]())
        elif opcode in _PUSHED:
            self.stack.append(argument)
        elif opcode in _STEPS:
            _STEPS[opcode](self, argument)
        elif opcode not in _IGNORED:
            raise WeightsError(f"the pickle in {self._name} has a step {opcode}, which no checkpoint needs")

    def group(self) -> list[Any]:
        """Take everything down to the last mark off the stack."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("a group ends that never began")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def named(self, module: Described, name: Described) -> Global:
        found = Global(str(module), str(name))
        self.names.add(found)
        return found

    def append(self, items: list[Any]) -> None:
        goal = self.stack[-1]
        if isinstance(goal, list):
            goal.extend(items)
        elif isinstance(goal, Call):
            goal.elements.extend(items)
        elif isinstance(goal, set):
            goal.update(plain_key(item) for item in items)

    def set_items(self, items: list[Any]) -> None:
        goal = self.stack[-1]
        pairs = {plain_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}
        if isinstance(goal, dict):
            goal.update(pairs)
        elif isinstance(goal, Call):
            goal.items.update(pairs)

    def call(self, function: Described, arguments: Described) -> None:
        self.stack.append(_CALLS.get(function, Call)(function, _tuple(arguments)))

    def build(self, state: Described) -> None:
        goal = self.stack[-1]
        if isinstance(goal, Call):
            goal.state = state


def _tuple(arguments: Described) -> tuple[Any, ...]:
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _encoded(function: Described, arguments: tuple[Any, ...]) -> Described:
    """Return the bytes that protocol 2 writes as a call of a codec."""
    if len(arguments) == 2 and arguments[1] == "latin1" and isinstance(arguments[0], str):  # noqa: PLR2004
        return arguments[0].encode("latin-1", errors="replace")
    return Call(function, arguments)


def _ordered(_function: Described, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    pairs = arguments[0] if arguments and isinstance(arguments[0], list) else []
    return {plain_key(key): value for key, value in filter(_is_pair, pairs)}


def _is_pair(found: Described) -> bool:
    return isinstance(found, list | tuple) and len(found) == 2  # noqa: PLR2004


_CALLS: dict[Any, Callable[[Any, tuple[Any, ...]], Any]] = {
    Global("collections", "OrderedDict"): _ordered,
    Global("_codecs", "encode"): _encoded,
    Global("torch", "Size"): lambda _function, arguments: tuple(arguments[0]) if arguments else (),
}

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
_PUSHED = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ]
)
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


def _memoize(machine: _Machine, argument: Described) -> None:
    machine.memo[len(machine.memo) if argument is None else int(argument)] = machine.stack[-1]


def _get(machine: _Machine, argument: Described) -> None:
    machine.stack.append(machine.memo[int(argument)])


def _last(count: int) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _argument: Described) -> None:
        found = tuple(machine.stack[-count:])
        if len(found) < count:
            raise ValueError("the stack is empty")
        del machine.stack[-count:]
        machine.stack.append(found)

    return step


def _global(machine: _Machine, argument: Described) -> None:
    module, _, name = str(argument).partition(" ")
    machine.stack.append(machine.named(module, name))


def _stack_global(machine: _Machine, _argument: Described) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise ValueError("a name is no text")
    machine.stack.append(machine.named(module, name))


def _reduce(machine: _Machine, _argument: Described) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.call(function if isinstance(function, Global) else repr(type(function)), arguments)


def _new_with_keywords(machine: _Machine, _argument: Described) -> None:
    keywords, arguments, function = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.call(function if isinstance(function, Global) else None, (*_tuple(arguments), keywords))


def _instance(machine: _Machine, argument: Described) -> None:
    module, _, name = str(argument).partition(" ")
    machine.call(machine.named(module, name), tuple(machine.group()))


def _object(machine: _Machine, _argument: Described) -> None:
    function, *arguments = machine.group()
    machine.call(function if isinstance(function, Global) else None, tuple(arguments))


def _extension(machine: _Machine, argument: Described) -> None:
    machine.stack.append(machine.named("copyreg extension", argument))


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "POP": lambda machine, _: _drop(machine),
    "POP_MARK": lambda machine, _: _drop_group(machine),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "PUT": _memoize,
    "BINPUT": _memoize,
    "LONG_BINPUT": _memoize,
    "MEMOIZE": _memoize,
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "LIST": lambda machine, _: machine.stack.append(machine.group()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.group())),
    "TUPLE1": _last(1),
    "TUPLE2": _last(2),
    "TUPLE3": _last(3),
    "DICT": lambda machine, _: _dictionary(machine),
    "FROZENSET": lambda machine, _: machine.stack.append({plain_key(item) for item in machine.group()}),
    "ADDITEMS": lambda machine, _: machine.append(machine.group()),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.group()),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.group()),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_with_keywords,
    "INST": _instance,
    "OBJ": _object,
    "BUILD": lambda machine, _: machine.build(machine.stack.pop()),
    "BINPERSID": lambda machine, _: machine.stack.append(Persistent(machine.stack.pop())),
    "PERSID": lambda machine, argument: machine.stack.append(Persistent(argument)),
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
}


def _drop(machine: _Machine) -> None:
    machine.stack.pop()


def _drop_group(machine: _Machine) -> None:
    machine.group()


def _dictionary(machine: _Machine) -> None:
    items = machine.group()
    machine.stack.append({})
    machine.set_items(items)
