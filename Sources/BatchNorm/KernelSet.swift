import CProcessor

/// Which machine code the kernels are. All give the same bits, but for those that tell one NaN from another.
public enum KernelSet: Hashable, Sendable {
  /// For every processor that the program runs on.
  case baseline
  /// For processors with AVX-512, whose registers hold eight Doubles.
  case wide

  /// The fastest that this processor runs.
  public static let best: KernelSet = processor_supports_avx512() == 1 ? .wide : .baseline
}
