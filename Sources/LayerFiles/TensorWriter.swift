import BatchNorm
import HDF5
import Parallel

/// Takes parts of one result, from several threads at once and in any order.
///
/// A result is a tensor of rows [P, C, S]: a row is a sample, or all that a batch has, or the one row of a vector.
package protocol TensorWriter: Sendable {
  /// True if a range of rows costs the same written in stretches as at once.
  var suitsStretches: Bool { get }

  /// - Parameter buffer: the part as it is stored, [rows, P, features, S].
  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws
}

extension TensorWriter {
  package var suitsStretches: Bool { false }
}

/// Where the results of one layer go: the datasets of an output file, or something that looks at them.
package protocol LayerWriter: Sendable {
  /// Where a result goes; nil if nobody wants it. Asked once for each result.
  func writer(of result: LayerResult) throws -> (any TensorWriter)?
}
