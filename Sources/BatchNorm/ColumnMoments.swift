import Arithmetic
import BaselineKernels
import WideKernels

/// The sums of blocks of a matrix whose columns fill the lanes.
enum ColumnMoments {
  /// Adds `rows` rows to the sums of a block, for the columns of `octets`.
  /// - Parameters:
  ///   - x: [rows, stride], the first of these rows, from `offset` on.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - octets: octets of the `stride` columns; the last octet may hold fewer.
  ///   - begins: true if the rows are the block's first ones.
  ///   - sums: [octets.count]
  /// - Returns: false if a column may hold a value that is infinite or NaN.
  static func add(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, rows: Int, octets: Range<Int>,
    begins: Bool, to sums: UnsafeMutablePointer<BlockSums>, kernels: KernelSet
  ) -> Bool {
    func block<E: Element, Compiled>(_: E.Type) -> ColumnSums<E, Compiled> {
      ColumnSums(
        x: x.pointer(E.self) + offset, dy: dy.map { $0.pointer(E.self) + offset }, stride: stride, rows: rows,
        octets: octets, begins: begins, sums: sums)
    }
    return switch (x.type, kernels) {
    case (.float, .baseline): BaselineKernels.Kernels.add(block(Float.self))
    case (.float, .wide): WideKernels.Kernels.add(block(Float.self))
    case (.double, .baseline): BaselineKernels.Kernels.add(block(Double.self))
    case (.double, .wide): WideKernels.Kernels.add(block(Double.self))
    }
  }
}
