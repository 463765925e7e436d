"""`python make_mean.py FILE`: an ONNX graph that gives the mean of each image, so that all the time goes into serving.

Runs in the environment of the examples, which has onnx.
"""

import sys

from onnx import TensorProto, helper, save

image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["rows", 3, 224, 224])
value = helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows"])
axes = helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3])
mean = helper.make_node("ReduceMean", ["image", "axes"], ["value"], keepdims=0)
graph = helper.make_graph([mean], "mean", [image], [value], [axes])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), sys.argv[1])
