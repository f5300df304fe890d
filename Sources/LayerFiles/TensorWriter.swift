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

  /// The chunks of which copies were kept since this was last asked.
  func takeSpooled() -> [SpooledChunk]
}

extension TensorWriter {
  package var suitsStretches: Bool { false }
  package func takeSpooled() -> [SpooledChunk] { [] }
}

/// Where the results of one layer go: the datasets of an output file, or something that looks at them.
package protocol LayerWriter: Sendable {
  /// Where a result goes; nil if nobody wants it. Asked once for each result.
  func writer(of result: LayerResult) throws -> (any TensorWriter)?

  /// The large results of so many samples are there whatever happens; those of others come with whoever computes them.
  var keptSamples: Int { get }
}

extension LayerWriter {
  /// Wherever parts are written in any order, what is recorded as written is there.
  package var keptSamples: Int { .max }
}
