"""What makes an ONNX file one that is refused: each changes a good one in place."""

from collections.abc import Callable
from typing import Any

import onnx
from onnx import TensorProto, helper

from models.manifest import Manifest


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def external_in_a_branch(model: onnx.ModelProto) -> None:
    """Weights of another file hidden in a node of the branch of an If."""
    value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key="location", value="w.bin")
    branch = helper.make_graph([helper.make_node("Constant", [], ["x"], value=value)], "b", [], [])
    model.graph.node.append(helper.make_node("If", ["c0"], ["y"], then_branch=branch, else_branch=branch))


def own_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Evil", ["image"], ["x"], domain="com.example"))


def own_operator_in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Evil", ["a"], ["b"], domain="com.example")
    model.functions.append(helper.make_function("ai.onnx", "F", ["a"], ["b"], [node], []))


def external_sparse(model: onnx.ModelProto) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    values.data_location = TensorProto.EXTERNAL
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def external_default_of_a_function(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    function = helper.make_function("own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    function.attribute_proto.append(helper.make_attribute("weights", value))
    model.functions.append(function)


def external_in_training(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    model.training_info.add().algorithm.initializer.append(value)


def operator(name: str, **attributes: Any) -> Callable[[onnx.ModelProto], None]:
    """Add an operator that nothing needs."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(name, ["image"], ["unused"], **attributes))

    return change


def text(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"x"]))


def text_in_a_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["words"], value_strings=[b"x"]))


def claims_more(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [10**6, 10**6]


def claims_more_of_a_list(model: onnx.ModelProto) -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    tensor.dims[:] = [10**9]
    model.graph.initializer.append(tensor)


def negative(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [-1, -1]


def unknown_type(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


def vast_constant(model: onnx.ModelProto) -> None:
    """A few bytes that stand for 4 terabytes, made before the first picture is seen."""
    model.graph.initializer.append(helper.make_tensor("side", TensorProto.INT64, [2], [10**6, 10**6]))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["side"], ["vast"]))


def vast_product(model: onnx.ModelProto) -> None:
    for name, shape in (("high", [10**6, 1]), ("wide", [1, 10**6])):
        model.graph.initializer.append(helper.make_tensor(f"{name}_shape", TensorProto.INT64, [2], shape))
        model.graph.node.append(helper.make_node("ConstantOfShape", [f"{name}_shape"], [name]))
    model.graph.node.append(helper.make_node("MatMul", ["high", "wide"], ["vast"]))


def vast_in_a_function(model: onnx.ModelProto) -> None:
    nodes = [
        helper.make_node("Constant", [], ["side"], value_ints=[10**6, 10**6]),
        helper.make_node("ConstantOfShape", ["side"], ["vast"]),
        helper.make_node("Relu", ["a"], ["b"]),
    ]
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], nodes, [helper.make_opsetid("", 20)]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node.append(helper.make_node("F", ["image"], ["unused"], domain="own"))


def vast_sparse(model: onnx.ModelProto) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [10**6, 10**6]))


def doubling(model: onnx.ModelProto) -> None:
    """40 functions, each of which calls the next one twice."""
    for number in range(40):
        nodes = [helper.make_node(f"F{number + 1}", ["a"], [name], domain="own") for name in ("b", "c")]
        model.functions.append(helper.make_function("own", f"F{number}", ["a"], ["b"], nodes, []))
    relu = [helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(helper.make_function("own", "F40", ["a"], ["b"], relu, []))
    model.graph.node.append(helper.make_node("F0", ["image"], ["unused"], domain="own"))


def endless(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("F", ["a"], ["b"], domain="own")]
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], nodes, []))
    model.graph.node.append(helper.make_node("F", ["image"], ["unused"], domain="own"))


def too_new(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 200


def too_new_a_format(model: onnx.ModelProto) -> None:
    model.ir_version = 200


def other_scale(model: onnx.ModelProto) -> None:
    entry = model.metadata_props[0]
    entry.value = Manifest.from_json(entry.value).to_json().replace('"scale": 4', '"scale": 2')


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1]))


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("n0", TensorProto.FLOAT, [1]))


def other_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "x"


def other_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8


def half_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def other_rank(model: onnx.ModelProto) -> None:
    del model.graph.input[0].type.tensor_type.shape.dim[0]


def other_channels(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1


def fixed_size(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64
