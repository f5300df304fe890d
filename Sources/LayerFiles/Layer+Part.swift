import Configuration
import HDF5

extension Layer {
  /// The same layer with some of its samples only, as one batch, and with other outputs.
  /// - Parameters:
  ///   - samples: all in one batch of the layer, if its results are to be part of that batch's.
  ///   - outputType: float32 or float64 in native order, or whatever `outputs` are stored as.
  package func part(samples: Range<Int>, outputs: Set<OutputTensor>, outputType: NumericType) -> Layer {
    var layer = with(outputs: outputs, outputType: outputType)
    layer.batches = Batches(offsets: [samples.lowerBound, samples.upperBound])
    layer.batchDivision = .offsets
    return layer
  }

  /// The same layer with other outputs.
  package func with(outputs: Set<OutputTensor>, outputType: NumericType) -> Layer {
    var layer = self
    layer.outputs = outputs
    layer.outputType = outputType
    return layer
  }

  /// The type of the numbers that kernels write before they are encoded.
  package var computedType: NumericType {
    Encoding.kernelType(for: outputType).numericType
  }
}
