import Arithmetic
import BaselineKernels
import WideKernels

/// The moments of blocks of consecutive values of one feature: positions fill the lanes.
enum PlaneMoments {
  /// Computes the moments of one feature over `planes` planes of `length` values each.
  /// - Parameters:
  ///   - x: values; plane r begins at `offset + r · stride`.
  ///   - dy: as x, or nil if only the forward pass runs.
  /// - Returns: the moments, and false if a value may be infinite or NaN.
  static func block(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, planes: Int, length: Int,
    kernels: KernelSet
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    func block<E: Element, Compiled>(_: E.Type) -> PlaneSums<E, Compiled> {
      PlaneSums(
        x: x.pointer(E.self) + offset, dy: dy.map { $0.pointer(E.self) + offset }, stride: stride,
        planes: planes,
        length: length)
    }
    return switch (x.type, kernels) {
    case (.float, .baseline): BaselineKernels.Kernels.moments(block(Float.self))
    case (.float, .wide): WideKernels.Kernels.moments(block(Float.self))
    case (.double, .baseline): BaselineKernels.Kernels.moments(block(Double.self))
    case (.double, .wide): WideKernels.Kernels.moments(block(Double.self))
    }
  }
}
