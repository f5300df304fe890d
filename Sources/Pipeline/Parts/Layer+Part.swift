import HDF5
import RunModel

extension Layer {
  /// The same layer with some of its samples only, as one batch, and with other outputs.
  /// - Parameters:
  ///   - samples: all in one batch of the layer, if its results are to be part of that batch's.
  ///   - outputType: float32 or float64 in native order, or whatever `outputs` are stored as.
  package func part(samples: Range<Int>, outputs: Set<OutputTensor>, outputType: NumericType) -> Layer {
    with(
      Batches(offsets: [samples.lowerBound, samples.upperBound]), .offsets, outputs: outputs,
      outputType: outputType)
  }

  /// The same layer with other outputs.
  package func with(outputs: Set<OutputTensor>, outputType: NumericType) -> Layer {
    with(batches, batchDivision, outputs: outputs, outputType: outputType)
  }

  private func with(
    _ batches: Batches, _ division: BatchDivision, outputs: Set<OutputTensor>, outputType: NumericType
  ) -> Layer {
    Layer(
      path: path, activations: activations, gradOutput: gradOutput, mask: mask, sampleCount: sampleCount,
      featureAxis: featureAxis, layout: layout,
      batches: batches, batchDivision: division,
      parameters: parameters, running: running, normalization: normalization, epsilon: epsilon,
      momentum: momentum, outputs: outputs, outputType: outputType, warnings: warnings)
  }

  /// The type of the numbers that kernels write before they are encoded.
  package var computedType: NumericType {
    Encoding.kernelType(for: outputType) == .float ? .float32 : .float64
  }
}
