"""What the graph of a SavedModel may do: compute, and read its own weights.

A graph is a program. TensorFlow's operations can read and write any file and
call Python; whoever can change an export can change its manifest as well, so
that hashes alone do not say that it may be run. A graph is loaded only if all
of its operations are ones that `savedmodel.write` puts there. Those that write
and read weights are in functions of their own, which nothing else may call.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
import pathlib
from typing import Any

# Of what prepares and normalises films, of all `training.config.networks`, of
# maps and of the gradients that some of these need.
_OPERATIONS = frozenset("""
    Abs AddN AddV2 Any ArgMax Assert AssignVariableOp AvgPool BiasAdd
    BroadcastGradientArgs BroadcastTo Cast ConcatV2 Const Conv2D Cos
    Cumsum DecodeJpeg DecodePng DecodeRaw DepthwiseConv2dNative
    DisableCopyOnRead DivNoNan DynamicStitch Einsum EnsureShape Equal
    Erfc ExpandDims ExtractJpegShape Fill Floor FloorDiv FloorMod
    GatherV2 Greater GreaterEqual Identity IdentityN If Less LessEqual
    Log Log1p LogicalAnd LogicalNot LogicalOr MatMul MatrixDiagV3 Max
    MaxPool Maximum Mean Min Minimum Mul Neg NoOp NotEqual OnesLike Pack
    Pad Placeholder PlaceholderWithDefault Prod Range ReadVariableOp
    RealDiv Relu Relu6 Reshape
    ResizeBilinear Round Rsqrt RsqrtGrad Select SelectV2 Shape Sigmoid
    Sign Sin Softmax Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessIf StopGradient StridedSlice
    StringJoin StringLength Sub Substr Sum TensorListFromTensor
    TensorListGetItem TensorListReserve TensorListSetItem
    TensorListStack Tile Transpose Unpack VarHandleOp VarIsInitializedOp
    While ZerosLike
    """.split())

# Of the functions that write and restore weights.
_FILE_OPERATIONS = frozenset(
    {
        *("MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"),
        "StaticRegexFullMatch",
    }
)


def check(data: bytes, path: pathlib.Path) -> None:
    """Refuses a graph that could do anything else.

    Args:
        data: Content of `saved_model.pb`.
        path: Of the file, for errors.

    Raises:
        ValueError: If it could, or is no graph.
    """
    from google.protobuf import message
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(data)
    except message.DecodeError as error:
        raise ValueError(f"{path} is no SavedModel: {error}.") from error
    foreign = sorted({op for g in saved.meta_graphs for op in _foreign(g)})
    if foreign:
        raise ValueError(
            f"{path} holds operations that no export has, and is not loaded: "
            f"{', '.join(foreign)[:200]}."
        )


def _foreign(graph: Any) -> Iterator[str]:
    """Yields operations that are not allowed where they are."""
    functions = {
        function.signature.name: list(function.node_def)
        for function in graph.graph_def.library.function
    }
    allowed = _OPERATIONS | _FILE_OPERATIONS | set(functions)
    with_files = {
        name
        for name, nodes in functions.items()
        if _FILE_OPERATIONS.intersection(node.op for node in nodes)
    }
    # What a loaded object can call.
    callable_names = {
        name
        for node in graph.object_graph_def.nodes
        for name in (
            *node.function.concrete_functions,
            node.bare_concrete_function.concrete_function_name,
        )
    }
    yield from callable_names & with_files
    for nodes in functions.values():
        yield from (node.op for node in nodes if node.op not in allowed)
        yield from _called(nodes) & with_files
    yield from (
        node.op
        for node in graph.graph_def.node
        if node.op not in _OPERATIONS | set(functions)
    )


def _called(nodes: Iterable[Any]) -> set[str]:
    """Returns the names of functions that nodes call."""
    called = {node.op for node in nodes}
    for node in nodes:
        for value in node.attr.values():
            called.add(value.func.name)
            called |= {function.name for function in value.list.func}
    return called
