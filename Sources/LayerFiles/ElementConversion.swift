import BatchNorm
import HDF5

/// Turns numbers as a file stores them into those that kernels compute on, in place.
///
/// The stored numbers lie at the end of the buffer and are never wider than the decoded ones, which fill it from its
/// beginning: number i is read before anything is written beyond the place where it ends.
package enum Decoding {
  /// - Parameters:
  ///   - buffer: `count` numbers of `kernel` size, whose last `count · type.byteCount` bytes hold the stored ones.
  package static func decode(
    _ buffer: UnsafeMutableRawBufferPointer, count: Int, from type: NumericType, to kernel: KernelType
  ) {
    guard count > 0, let target = buffer.baseAddress else { return }
    let source = UnsafeRawPointer(target + (count * (kernel.byteCount - type.byteCount)))
    let swaps = !type.isNative
    switch kernel {
    case .float:
      switch type.kind {
      case .float32:
        if swaps { convert(UInt32.self, source, target, count) { Float(bitPattern: $0.byteSwapped) } }
      case .float16:
        convert(UInt16.self, source, target, count) { bits in
          float(halfBits: swaps ? bits.byteSwapped : bits)
        }
      case .bfloat16:
        convert(UInt16.self, source, target, count) { bits in
          Float(bitPattern: UInt32(swaps ? bits.byteSwapped : bits) << 16)
        }
      case .int8: convert(Int8.self, source, target, count) { Float($0) }
      case .uint8: convert(UInt8.self, source, target, count) { Float($0) }
      case .int16: convert(Int16.self, source, target, count) { Float(swaps ? $0.byteSwapped : $0) }
      case .uint16: convert(UInt16.self, source, target, count) { Float(swaps ? $0.byteSwapped : $0) }
      case .float64, .int32, .uint32, .int64, .uint64:
        preconditionFailure("\(type.kind) does not fit a Float")
      }
    case .double:
      switch type.kind {
      case .float64:
        if swaps { convert(UInt64.self, source, target, count) { Double(bitPattern: $0.byteSwapped) } }
      case .float32:
        convert(UInt32.self, source, target, count) { bits in
          Double(Float(bitPattern: swaps ? bits.byteSwapped : bits))
        }
      case .float16:
        convert(UInt16.self, source, target, count) { bits in
          Double(float(halfBits: swaps ? bits.byteSwapped : bits))
        }
      case .bfloat16:
        convert(UInt16.self, source, target, count) { bits in
          Double(Float(bitPattern: UInt32(swaps ? bits.byteSwapped : bits) << 16))
        }
      case .int8: convert(Int8.self, source, target, count) { Double($0) }
      case .uint8: convert(UInt8.self, source, target, count) { Double($0) }
      case .int16: convert(Int16.self, source, target, count) { Double(swaps ? $0.byteSwapped : $0) }
      case .uint16: convert(UInt16.self, source, target, count) { Double(swaps ? $0.byteSwapped : $0) }
      case .int32: convert(Int32.self, source, target, count) { Double(swaps ? $0.byteSwapped : $0) }
      case .uint32: convert(UInt32.self, source, target, count) { Double(swaps ? $0.byteSwapped : $0) }
      case .int64: convert(Int64.self, source, target, count) { Double(swaps ? $0.byteSwapped : $0) }
      case .uint64: convert(UInt64.self, source, target, count) { Double(swaps ? $0.byteSwapped : $0) }
      }
    }
  }

  @inline(__always)
  private static func convert<Stored: BitwiseCopyable, Decoded: BitwiseCopyable>(
    _: Stored.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int,
    _ decode: (Stored) -> Decoded
  ) {
    for index in 0..<count {
      let stored = source.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.stride, as: Stored.self)
      target.storeBytes(
        of: decode(stored), toByteOffset: index * MemoryLayout<Decoded>.stride, as: Decoded.self)
    }
  }

  /// The value of IEEE 754 binary16 bits.
  @inline(__always)
  private static func float(halfBits bits: UInt16) -> Float { Float(Float16(bitPattern: bits)) }
}

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

  /// IEEE 754 binary16, rounded to nearest, ties to even; every NaN of one sign is the same.
  @inline(__always)
  static func halfBits(_ value: Float) -> UInt16 {
    value.isNaN
      ? UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000 | 0x7E00 : Float16(value).bitPattern
  }

  /// The upper half of a Float, rounded to nearest, ties to even.
  @inline(__always)
  package static func bfloat16Bits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }
}
