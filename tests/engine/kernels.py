"""Which of the operations that a block of code starts or traces TensorFlow has no kernel for on GPUs.

Its Linux wheel registers the kernels for GPUs where there is none, so this is known without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import kernels, op_callbacks

_ON_GPU = {"GPU", "DEFAULT"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "While", "StatelessWhile"}
"""Graphs in graphs: their operations are seen by themselves."""


class Operation(NamedTuple):
    """An operation and the dtypes it is run with."""

    name: str
    dtypes: tuple[tuple[str, int], ...]
    """Attribute and TensorFlow's number of the dtype."""

    def in_dtype(self, dtype: tf.DType) -> Operation:
        """Return it with bfloat16 replaced."""
        other = dtype.as_datatype_enum
        was = tf.bfloat16.as_datatype_enum
        return Operation(self.name, tuple((key, other if value == was else value) for key, value in self.dtypes))

    @property
    def has_gpu_kernel(self) -> bool:
        """TensorFlow has registered one."""
        asked = dict(self.dtypes)
        return self.name in _CALLS or any(
            kernel.device_type in _ON_GPU
            and all(asked.get(each.name) in each.allowed_values.list.type for each in kernel.constraint if each.name in asked)
            for kernel in kernels.get_registered_kernels_for_op(self.name).kernel
        )  # fmt: skip


@contextmanager
def seen() -> Iterator[set[Operation]]:
    """Yield the operations that run, or are traced, in a block."""
    found: set[Operation] = set()

    def note(op_type: Any, _inputs: Any, attrs: Any, _outputs: Any, op_name: Any = None, graph: Any = None) -> None:
        name = op_type.decode() if isinstance(op_type, bytes) else str(op_type)
        if name.startswith("__"):  # a graph as one operation
            return
        pairs = zip(attrs[::2], attrs[1::2], strict=True) if attrs else ()
        found.add(Operation(name, tuple(sorted((key, value) for key, value in map(_type, pairs) if value))))

    op_callbacks.add_op_callback(note)
    try:
        yield found
    finally:
        op_callbacks.remove_op_callback(note)


def _type(pair: tuple[Any, Any]) -> tuple[str, int]:
    """Return an attribute's name and the number of the dtype that it is; 0 for any other attribute."""
    key, value = pair
    key = key.decode() if isinstance(key, bytes) else str(key)
    if hasattr(value, "WhichOneof"):  # of an operation in a graph
        return key, int(value.type) if value.WhichOneof("value") == "type" else 0
    is_type = key.startswith(("T", "dtype", "SrcT", "DstT", "out_type", "Index"))
    return key, int(value) if is_type and isinstance(value, int) and not isinstance(value, bool) else 0
