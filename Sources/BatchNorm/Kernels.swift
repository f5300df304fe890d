import Arithmetic
import BaselineKernels
import CProcessor
import WideKernels

/// Which machine code the kernels are. All give the same bits, but for those that tell one NaN from another.
public enum KernelSet: Hashable, Sendable {
  /// For every processor that the program runs on.
  case baseline
  /// For processors with AVX-512, whose registers hold eight Doubles.
  case wide

  /// The fastest that this processor runs; `baseline` if the environment variable BN_STREAM_KERNELS says so. No result depends on it.
  public static let best: KernelSet =
    processor_supports_avx512() == 1 && processor_is_to_use_baseline() == 0 ? .wide : .baseline

  /// The table of kernels: the module that compiled the loops. Nobody else asks which set it is.
  var loops: any CompiledLoops.Type {
    switch self {
    case .baseline: BaselineKernels.Kernels.self
    case .wide: WideKernels.Kernels.self
    }
  }
}

/// The sums of blocks of a matrix whose columns fill the lanes.
enum ColumnMoments {
  /// Adds `rows` rows to the sums of a block, for the columns of `octets`.
  /// - Parameters:
  ///   - x: [rows, stride], the first of these rows, from `offset` on.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - octets: octets of the `stride` columns; the last octet may hold fewer.
  ///   - begins: true if the rows are the block's first ones.
  ///   - sums: [octets.count]
  ///   - centers: [octets.count], around which products with dy are summed; nil for the block's own first values.
  /// - Returns: false if a column may hold a value that is infinite or NaN.
  static func add(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, rows: Int, octets: Range<Int>,
    begins: Bool, to sums: UnsafeMutablePointer<BlockSums>, around centers: UnsafePointer<Lanes>?,
    kernels: KernelSet
  ) -> Bool {
    func add<Loops: CompiledLoops>(_: Loops.Type) -> Bool {
      func block<E: Element>(_: E.Type) -> ColumnSums<E, Loops> {
        ColumnSums(
          x: x.pointer(E.self) + offset, dy: dy.map { $0.pointer(E.self) + offset }, stride: stride,
          rows: rows, octets: octets, begins: begins, sums: sums, centers: centers)
      }
      return switch x.type {
      case .float: Loops.add(block(Float.self))
      case .double: Loops.add(block(Double.self))
      }
    }
    return add(kernels.loops)
  }
}

/// The moments of blocks of consecutive values of one feature: positions fill the lanes.
enum PlaneMoments {
  /// Computes the moments of one feature over `planes` planes of `length` values each.
  /// - Parameters:
  ///   - x: values; plane r begins at `offset + r · stride`.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - center: around which products with dy are summed; nil for the first value.
  /// - Returns: the moments, and false if a value may be infinite or NaN.
  static func block(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, planes: Int, length: Int,
    around center: Double? = nil, kernels: KernelSet
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    func moments<Loops: CompiledLoops>(_: Loops.Type) -> (moments: PairMoments<Double>, isFinite: Bool) {
      func block<E: Element>(_: E.Type) -> PlaneSums<E, Loops> {
        PlaneSums(
          x: x.pointer(E.self) + offset, dy: dy.map { $0.pointer(E.self) + offset }, stride: stride,
          planes: planes, length: length, center: center)
      }
      return switch x.type {
      case .float: Loops.moments(block(Float.self))
      case .double: Loops.moments(block(Double.self))
      }
    }
    return moments(kernels.loops)
  }
}

extension SampleTensors {
  /// Normalizes the samples and computes their gradient, for the features of a tile.
  /// - Parameters:
  ///   - coefficients: of the batch.
  ///   - octets: the tile: octets of columns of the decomposition.
  /// - Returns: false if a number that was written is infinite or NaN.
  public func apply(_ coefficients: BatchCoefficients, octets: Range<Int>) -> Bool {
    func apply<Loops: CompiledLoops>(_: Loops.Type) -> Bool {
      func loop<E: Element, F: Element>(_: E.Type, _: F.Type) -> ApplyLoop<E, F, Loops> {
        coefficients.decomposition.lanesAreColumns
          ? .columns(columnLoop(coefficients, octets)) : .planes(planeLoop(coefficients, octets))
      }
      return switch (x.type, outputType) {
      case (.float, .float): Loops.apply(loop(Float.self, Float.self), wants)
      case (.float, .double): Loops.apply(loop(Float.self, Double.self), wants)
      case (.double, .float): Loops.apply(loop(Double.self, Float.self), wants)
      case (.double, .double): Loops.apply(loop(Double.self, Double.self), wants)
      }
    }
    return apply(coefficients.decomposition.kernels.loops)
  }

  /// The loop over columns of a matrix.
  private func columnLoop<E: Element, F: Element, Compiled>(
    _ coefficients: BatchCoefficients, _ octets: Range<Int>
  ) -> ColumnLoop<E, F, Compiled> {
    let decomposition = coefficients.decomposition
    let layout = decomposition.layout
    let columnsPerRow = layout.featureCount * layout.planeLength
    let (rows, restRows) = decomposition.rows(inSamples: samples)
    return ColumnLoop(
      tensors(), coefficients: coefficients.columns, octets: octets, rows: rows,
      restColumns: restRows * columnsPerRow, stride: decomposition.columnCount,
      mask: mask.map {
        ColumnMask(
          bytes: $0, foldedRows: decomposition.foldedRows, columnsPerRow: columnsPerRow,
          planeLength: layout.planeLength)
      })
  }

  /// The loop over planes.
  private func planeLoop<E: Element, F: Element, Compiled>(
    _ coefficients: BatchCoefficients, _ octets: Range<Int>
  ) -> PlaneLoop<E, F, Compiled> {
    let layout = coefficients.decomposition.layout
    return PlaneLoop(
      tensors(), coefficients: coefficients.columns,
      features: 8 * octets.lowerBound..<min(8 * octets.upperBound, layout.featureCount),
      rows: samples * layout.positionRows, featureCount: layout.featureCount, length: layout.planeLength,
      mask: mask)
  }

  /// The tensors with their types.
  private func tensors<E: Element, F: Element>() -> LaneTensors<E, F> {
    LaneTensors(
      x: x.base.assumingMemoryBound(to: E.self), dy: dy?.base.assumingMemoryBound(to: E.self),
      y: y?.base.assumingMemoryBound(to: F.self), xHat: xHat?.base.assumingMemoryBound(to: F.self),
      dx: dx?.base.assumingMemoryBound(to: F.self))
  }
}
