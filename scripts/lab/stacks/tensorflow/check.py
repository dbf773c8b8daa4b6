import numpy
import onnx
import onnxruntime
import tensorflow as tf

assert float(tf.reduce_sum(tf.matmul(tf.ones((4, 4)), tf.ones((4, 4))))) == 64.0
x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 2])
y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 2])
graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
(out,) = session.run(None, {"x": numpy.array([[-1, 2], [3, -4]], dtype="float32")})
assert out.tolist() == [[0, 2], [3, 0]]
