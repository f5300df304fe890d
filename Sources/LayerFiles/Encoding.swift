import BatchNorm
import HDF5

/// Turns numbers that kernels computed into those that a file stores, in place: the stored ones are never wider, and
/// fill the buffer from its beginning.
package enum Encoding {
  /// - Parameter buffer: `count` numbers of `kernel` size.
  /// - Returns: how many finite numbers became infinite.
  package static func encode(
    _ buffer: UnsafeMutableRawBufferPointer, count: Int, from kernel: KernelType, to type: NumericType
  ) -> Int {
    guard count > 0, let base = buffer.baseAddress else { return 0 }
    let swaps = !type.isNative
    switch (kernel, type.kind) {
    case (.float, .float32):
      if swaps { _ = convert(UInt32.self, UInt32.self, base, count) { ($0.byteSwapped, false) } }
      return 0
    case (.double, .float64):
      if swaps { _ = convert(UInt64.self, UInt64.self, base, count) { ($0.byteSwapped, false) } }
      return 0
    case (.float, .float16):
      return convert(Float.self, UInt16.self, base, count) { value in
        let bits = halfBits(value)
        return (swaps ? bits.byteSwapped : bits, value.isFinite && bits & 0x7C00 == 0x7C00)
      }
    case (.float, .bfloat16):
      return convert(Float.self, UInt16.self, base, count) { value in
        let bits = bfloat16Bits(value)
        return (swaps ? bits.byteSwapped : bits, value.isFinite && bits & 0x7F80 == 0x7F80)
      }
    default:
      preconditionFailure("\(kernel) is not written as \(type.kind)")
    }
  }

  /// What kernels write for an output of this type.
  package static func kernelType(for type: NumericType) -> KernelType {
    type.kind == .float64 ? .double : .float
  }

  @inline(__always)
  private static func convert<Computed: BitwiseCopyable, Stored: BitwiseCopyable>(
    _: Computed.Type, _: Stored.Type, _ base: UnsafeMutableRawPointer, _ count: Int,
    _ encode: (Computed) -> (stored: Stored, overflows: Bool)
  ) -> Int {
    var overflows = 0
    for index in 0..<count {
      let computed = base.loadUnaligned(
        fromByteOffset: index * MemoryLayout<Computed>.stride, as: Computed.self)
      let (stored, overflow) = encode(computed)
      if overflow { overflows += 1 }
      base.storeBytes(of: stored, toByteOffset: index * MemoryLayout<Stored>.stride, as: Stored.self)
    }
    return overflows
  }

  /// IEEE 754 binary16, rounded to nearest, ties to even.
  @inline(__always)
  package static func halfBits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7E00 }  // NaN
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }  // 65520 and more round to infinity
    if magnitude < 0x3880_0000 {
      // Subnormal: adding ½ makes the sum's last bit 2⁻²⁴, the spacing of subnormal halves, and rounds correctly.
      let shifted = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(truncatingIfNeeded: shifted.bitPattern &- 0x3F00_0000)
    }
    let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
  }

  /// The upper half of a Float, rounded to nearest, ties to even.
  @inline(__always)
  package static func bfloat16Bits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}
